"""Carries a subscriber's messages to its WebSocket, and gives up on one that does not read."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Sequence
from operator import attrgetter
from typing import Final, Protocol

from starlette.types import Receive, Scope, Send

from vidra.api.streams.message import Ending, Message
from vidra.api.streams.outlet import Outlet
from vidra.api.streams.subscriber import Subscriber

SEND_S: Final = 10.0
"""Seconds a peer may leave one batch of messages unread before its connection is given up."""
CUT: Final = "vidra.cut"
"""Scope extension of our server: drops the connection, with whatever the peer has not taken."""
DIRECT: Final = "vidra.write_now"
"""Scope extension of our server: writes whole frames, or part of a body, at once, or returns False."""

_CODES: Final = {
    Ending.TOO_SLOW: 1013,
    Ending.GONE: 1000,
    Ending.SHUTDOWN: 1012,
    Ending.TOKEN_CHANGED: 1008,
}


class Hearer(Protocol):
    """Who wants to know of connections and how they ended."""

    def opened(self, subscriber: Subscriber, scope: Scope) -> None:
        """Hear of a connection that was opened."""
        ...

    def closed(self, subscriber: Subscriber) -> None:
        """Hear that it is over."""
        ...


async def speak(
    scope: Scope,
    receive: Receive,
    send: Send,
    subscriber: Subscriber,
    first: Sequence[Message],
    hearer: Hearer,
    *,
    with_places: bool = False,
) -> None:
    """Accept the connection, send `first`, then what the subscriber is offered, until either side ends.

    What the peer says is read and ignored. `with_places` sends events that can be resumed from.
    """
    hearer.opened(subscriber, scope)
    try:
        await receive()
        await send({"type": "websocket.accept"})
        await _converse(scope, receive, send, subscriber, first, with_places=with_places)
        if subscriber.ending is not None:
            ending = subscriber.ending
            # One that does not read cannot be told; its connection is cut, see `Subscriber`.
            with contextlib.suppress(OSError, RuntimeError):
                await send({"type": "websocket.close", "code": _CODES[ending], "reason": ending.value})
    finally:
        hearer.closed(subscriber)


async def _converse(
    scope: Scope,
    receive: Receive,
    send: Send,
    subscriber: Subscriber,
    first: Sequence[Message],
    *,
    with_places: bool,
) -> None:
    write = scope.get("extensions", {}).get(DIRECT)
    text, form = _EVENTS if with_places else _TEXTS
    if write is not None:
        subscriber.outlet = Outlet(write, form)
    sender = asyncio.create_task(_send_all(send, subscriber, first, text))
    reader = asyncio.create_task(_read_all(receive))
    try:
        await asyncio.wait({sender, reader}, return_when=asyncio.FIRST_COMPLETED)
    finally:
        sender.cancel()
        reader.cancel()
        await asyncio.gather(sender, reader, return_exceptions=True)


_TEXTS: Final = (attrgetter("text"), attrgetter("frame"))
_EVENTS: Final = (attrgetter("event_json"), attrgetter("event_frame"))
"""What is sent of a message, as text and as a ready-made frame."""


async def _send_all(
    send: Send, subscriber: Subscriber, first: Sequence[Message], shape: Callable[[Message], str]
) -> None:
    messages: Sequence[Message] = first or await subscriber.take()
    while messages:
        try:
            async with asyncio.timeout(SEND_S):
                for message in messages:
                    await send({"type": "websocket.send", "text": shape(message)})
                    subscriber.moved()
        except TimeoutError:
            subscriber.end(Ending.TOO_SLOW)
            return
        except OSError:
            return  # the server's name for a peer that has gone
        messages = await subscriber.take()


async def _read_all(receive: Receive) -> None:
    while (await receive())["type"] != "websocket.disconnect":
        pass

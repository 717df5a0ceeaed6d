"""How a stream of Server-Sent Events takes what a subscriber has for it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, Callable, Iterable, Iterator, Sequence
from typing import Final

import orjson

from vidra.api.streams.message import Ending, Message
from vidra.api.streams.subscriber import Subscriber

HEARTBEAT_S: Final = 15.0
"""After so long without news a sign of life is due."""
PIECE: Final = 16 * 1024
"""Bytes that are handed over at once; the next go when the peer has taken them."""


async def led_by(first: bytes, rest: AsyncGenerator[bytes, None]) -> AsyncGenerator[bytes, None]:
    """Yield the first part, then the rest, which is closed whatever happens."""
    try:
        yield first
        async for part in rest:
            yield part
    finally:
        await rest.aclose()


def parts_of(messages: Iterable[Message]) -> Iterator[bytes]:
    """Yield the events in pieces: what the peer does not take is not held whole."""
    told = memoryview(b"".join([message.sse for message in messages]))
    for start in range(0, len(told), PIECE):
        yield bytes(told[start : start + PIECE])


async def taken(
    subscriber: Subscriber, place: Callable[[], object] | None = None
) -> AsyncGenerator[bytes, None]:
    """Yield what the subscriber is offered, until it ends; one that was too slow is told so.

    In silence a heartbeat is due, with the `place` reached by then, if there is one.
    """
    while (messages := await _next(subscriber)) is None or messages:
        if messages:
            for part in parts_of(messages):
                yield part
                subscriber.moved()
        elif not len(subscriber):  # what waits lies before the place
            here = "" if place is None else f"id: {place()}\n"
            yield f"{here}: heartbeat\n\n".encode()
    if subscriber.ending is Ending.TOO_SLOW:
        yield Message(text=orjson.dumps({"reason": Ending.TOO_SLOW}).decode(), event="dropped").sse


async def _next(subscriber: Subscriber) -> Sequence[Message] | None:
    """Return what comes next; empty when the stream is over, None after a while without news."""
    try:
        async with asyncio.timeout(HEARTBEAT_S):
            return await subscriber.take()
    except TimeoutError:
        return None

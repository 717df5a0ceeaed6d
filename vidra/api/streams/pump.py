"""Writes to many listeners a few at a time, so that whoever asks meanwhile is not kept waiting."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias

from vidra.api.streams.message import Ending, Message
from vidra.redaction import redact

if TYPE_CHECKING:
    from vidra.api.streams.subscriber import Subscriber

log = logging.getLogger(__name__)

SLICE_S: Final = 0.003
"""Seconds of writing after which everybody else gets a turn."""
Form: TypeAlias = Callable[[Message], bytes]
"""Makes the bytes a listener is sent for a message; the same function for listeners of the same kind."""


class Pump:
    """Listeners that have something waiting and whose connection takes ready-made bytes. One event loop.

    Waking a task for each message and listener is most of what telling costs; one task that writes
    what waits, joined, costs a tenth.
    """

    def __init__(self) -> None:
        self._due: dict[Subscriber, None] = {}
        self._news = asyncio.Event()
        self._form: Form | None = None
        self._last: Sequence[Message] = ()
        self._joined = b""

    def add(self, subscriber: Subscriber) -> None:
        """Write what waits for the listener with the next turn; each is asked once however much waits."""
        self._due[subscriber] = None
        self._news.set()

    async def run(self) -> None:
        """Write until cancelled."""
        while True:
            await self._news.wait()
            self._news.clear()
            while self._due:
                self._write_some()
                await asyncio.sleep(0)

    def joined(self, form: Form, waiting: Collection[Message]) -> bytes:
        """Return the bytes of the messages; listeners of one room mostly want the same ones in a row."""
        if len(waiting) == 1:  # mostly; and the message keeps its bytes
            return form(next(iter(waiting)))
        messages = tuple(waiting)
        known = form is self._form and len(messages) == len(self._last)
        if not known or any(one is not other for one, other in zip(messages, self._last, strict=True)):
            # The messages are kept, not their ids: a new one may lie where an old one lay.
            self._form, self._last = form, messages
            self._joined = b"".join([form(message) for message in messages])
        return self._joined

    def _write_some(self) -> None:
        until = time.perf_counter() + SLICE_S
        while self._due and time.perf_counter() < until:
            subscriber = next(iter(self._due))
            del self._due[subscriber]
            try:
                subscriber.flush()
            except Exception:  # noqa: BLE001 - the edge of one listener: logged, it may come back, others go on
                log.error("a listener cannot be written to:\n%s", redact(traceback.format_exc()))  # noqa: TRY400 - redacted first
                subscriber.end(Ending.TOO_SLOW)

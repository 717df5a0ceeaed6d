"""One listener's queue: bounded, in order, and honest about what it could not take."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Final

from vidra.api.streams.message import Ending, Message
from vidra.api.streams.pump import Form, Pump

QUEUE_LIMIT: Final = 256
"""Messages that may wait for a listener that does not take any."""
QUEUE_BYTES: Final = 1024 * 1024
"""About as many bytes may wait: a few large messages weigh as much as many small ones."""
BURST_LIMIT: Final = 4096
"""Messages that may wait at all: one change of the state may mean many messages at once."""
PATIENCE_S: Final = 1.0
"""Seconds without taking anything after which a listener with a full queue counts as stuck."""
LONGEST_S: Final = 10.0
"""Seconds after which one counts as stuck however little waits for it."""
FAREWELL_S: Final = 2.0
"""Seconds a listener that was ended gets to take its last words before its connection is cut."""


class Subscriber:
    """A queue between the hub, which never waits, and a sender, which may. One event loop."""

    def __init__(
        self, *, pump: Pump | None = None, limit: int = QUEUE_LIMIT, burst: int = BURST_LIMIT
    ) -> None:
        self._pump, self._limit, self._burst = pump, limit, burst
        self._loop = asyncio.get_running_loop()
        self._moved_at = 0.0
        self._waiting: OrderedDict[Hashable, Message] = OrderedDict()
        self._serial = self._bytes = 0
        self._news = asyncio.Event()
        self._direct: tuple[Callable[[bytes], bool], Form] | None = None
        self._idle = False
        self._cut: Callable[[], object] | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self.ending: Ending | None = None
        """Why it ended; None while it has not."""

    def __len__(self) -> int:
        """Return how many messages wait."""
        return len(self._waiting)

    def offer(self, message: Message) -> None:
        """Queue the message. A listener whose queue is full is ended: it can resume by its place."""
        if self.ending is not None:
            return
        self._serial += 1
        key = ("", self._serial) if message.key is None else message.key
        if not self._waiting:
            self._moved_at = self._loop.time()
        elif self._is_stuck():
            self.forget()
            self.end(Ending.TOO_SLOW)
            return
        replaced = self._waiting.pop(key, None)  # the newer figures stand at the end
        self._bytes += len(message.text) - (len(replaced.text) if replaced else 0)
        self._waiting[key] = message
        if self._idle and self._direct is not None and self._pump is not None:
            self._pump.add(self)
        else:
            self._news.set()

    def write_directly(self, write: Callable[[bytes], bool], form: Form) -> None:
        """Hand bytes to `write` while the sender has nothing left to do; it returns False when it cannot."""
        self._direct = (write, form)

    def flush(self) -> None:
        """Write what waits past the sender if that is idle; otherwise leave it to the sender."""
        if not self._waiting or self._direct is None or self._pump is None:
            return
        write, form = self._direct
        if self._idle and write(self._pump.joined(form, self._waiting.values())):
            self.forget()
        else:
            self._news.set()

    def cut_with(self, cut: Callable[[], object]) -> None:
        """Take the way to end the connection itself, for when the listener does not take its last words."""
        self._cut = cut

    def left(self) -> None:
        """Hear that the connection is over, or is somebody else's matter now."""
        self._cut = None
        if self._cutting is not None:
            self._cutting.cancel()

    def moved(self) -> None:
        """Hear that the peer took something: it may be slow, but it is not stuck."""
        self._moved_at = self._loop.time()

    def forget(self) -> None:
        """Drop what waits: it was told another way."""
        self._waiting.clear()
        self._bytes = 0

    def end(self, ending: Ending) -> None:
        """Let the listener go; what waits is still handed out. The first ending counts."""
        if self.ending is None:
            self.ending = ending
            self._news.set()
            if self._cut is not None:
                self._cutting = self._loop.call_later(FAREWELL_S, self._cut)

    def _is_stuck(self) -> bool:
        silent = self._loop.time() - self._moved_at
        if len(self._waiting) < self._limit and self._bytes < QUEUE_BYTES:
            return silent > LONGEST_S
        return silent > PATIENCE_S or len(self._waiting) >= self._burst

    async def take(self) -> list[Message]:
        """Wait for messages and return all of them; empty once it has ended and nothing is left."""
        self._idle = True
        while not self._waiting and self.ending is None:
            self._news.clear()
            await self._news.wait()
        self._idle = False
        taken = list(self._waiting.values())
        self.forget()
        return taken

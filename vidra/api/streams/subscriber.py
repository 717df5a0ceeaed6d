"""One listener: a bounded queue of its own, in order, and honest about what it could not take."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Final, Protocol

from vidra.api.streams.backlog import Backlog
from vidra.api.streams.message import Ending, Message
from vidra.api.streams.outlet import Outlet
from vidra.api.streams.pump import Pump

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


class Company(Protocol):
    """Those a subscriber is told together with, see `Audience`."""

    def ahead_of(self, subscriber: Subscriber) -> int:
        """Return how many messages wait for it there."""
        ...

    def set_apart(self, subscriber: Subscriber) -> None:
        """Move what waits for it there into its own queue."""
        ...


class Subscriber:
    """A queue between the hub, which never waits, and a sender, which may. One event loop."""

    def __init__(
        self, *, pump: Pump | None = None, limit: int = QUEUE_LIMIT, burst: int = BURST_LIMIT
    ) -> None:
        self._pump, self._limit, self._burst = pump, limit, burst
        self._loop = asyncio.get_running_loop()
        self._moved_at = 0.0
        self._waiting = Backlog()
        self._news = asyncio.Event()
        self.outlet: Outlet | None = None
        """The way past the sender, for while that has nothing to do; None if there is none."""
        self._idle = False
        self._cut: Callable[[], object] | None = None
        self._cutting: asyncio.TimerHandle | None = None
        self.company: Company | None = None
        """Who it is told together with; None while it is told by itself."""
        self.ending: Ending | None = None
        """Why it ended; None while it has not."""

    def __len__(self) -> int:
        """Return how many messages wait, here or in its company."""
        return len(self._waiting) + (self.company.ahead_of(self) if self.company else 0)

    @property
    def keeps_up(self) -> bool:
        """Whether it has nothing of its own to take, and is there to be told more."""
        return self._idle and not self._waiting and self.ending is None

    def offer(self, message: Message) -> None:
        """Queue the message. A listener whose queue is full is ended: it can resume by its place."""
        if self.company is not None:
            self.company.set_apart(self)  # what it is to hear before
        if self.ending is not None:
            return
        if not self._waiting:
            self._moved_at = self._loop.time()
        elif self._is_stuck():
            self.forget()
            self.end(Ending.TOO_SLOW)
            return
        self._waiting.add(message)
        if self._idle and self.outlet is not None and self._pump is not None:
            self._pump.add(self)
        else:
            self._news.set()

    def flush(self, until: float) -> None:
        """Write what waits past the sender if that is idle; otherwise leave it to the sender."""
        del until  # one write
        out = self.outlet
        if not self._waiting or out is None:
            return
        if self._idle and out.takes(b"".join(map(out.form, self._waiting))):
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
        self._waiting.take()

    def end(self, ending: Ending) -> None:
        """Let the listener go; what waits is still handed out. The first ending counts."""
        if self.company is not None:
            self.company.set_apart(self)
        if self.ending is None:
            self.ending = ending
            self._news.set()
            if self._cut is not None:
                self._cutting = self._loop.call_later(FAREWELL_S, self._cut)

    def _is_stuck(self) -> bool:
        silent = self._loop.time() - self._moved_at
        if len(self._waiting) < self._limit and self._waiting.size < QUEUE_BYTES:
            return silent > LONGEST_S
        return silent > PATIENCE_S or len(self._waiting) >= self._burst

    async def take(self) -> Sequence[Message]:
        """Wait for messages and return all of them; empty once it has ended and nothing is left."""
        self._idle = True
        while not self._waiting and self.ending is None:
            self._news.clear()
            await self._news.wait()
        self._idle = False
        return self._waiting.take()

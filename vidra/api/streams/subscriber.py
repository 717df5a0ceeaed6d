"""One listener's queue: bounded, in order, and honest about what it could not take."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

QUEUE_LIMIT: Final = 256
"""Messages that may wait for a listener that does not take any."""
BURST_LIMIT: Final = 4096
"""Messages that may wait at all: one change of the state may mean many messages at once."""
PATIENCE_S: Final = 1.0
"""Seconds without taking after which a listener with a full queue counts as too slow."""


@unique
class Ending(StrEnum):
    """Why a listener hears no more."""

    TOO_SLOW = "too slow: resume from the last event you have"
    GONE = "there is nothing more to tell"
    SHUTDOWN = "the server stops"
    TOKEN_CHANGED = "the token was changed"  # noqa: S105 - a sentence about tokens, not one


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """One message, serialised once for all listeners."""

    text: str
    key: Hashable | None = None
    """Messages with the same key replace one another while they wait; None for what must arrive."""
    event: str = ""
    place: str | None = None
    """Where to resume behind it; None within what cannot be taken apart."""


class Subscriber:
    """A queue between the hub, which never waits, and a sender, which may. One event loop."""

    def __init__(self, *, limit: int = QUEUE_LIMIT, burst: int = BURST_LIMIT) -> None:
        self._limit, self._burst = limit, burst
        self._loop = asyncio.get_running_loop()
        self._untaken_since = 0.0
        self._waiting: OrderedDict[Hashable, Message] = OrderedDict()
        self._serial = 0
        self._news = asyncio.Event()
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
        self._waiting.pop(key, None)
        if not self._waiting:
            self._untaken_since = self._loop.time()
        elif self._is_full():
            self._waiting.clear()
            self.end(Ending.TOO_SLOW)
            return
        self._waiting[key] = message
        self._news.set()

    def forget(self) -> None:
        """Drop what waits: it was told another way."""
        self._waiting.clear()

    def end(self, ending: Ending) -> None:
        """Let the listener go; what waits is still handed out. The first ending counts."""
        if self.ending is None:
            self.ending = ending
            self._news.set()

    def _is_full(self) -> bool:
        if len(self._waiting) < self._limit:
            return False
        stuck = self._loop.time() - self._untaken_since > PATIENCE_S
        return stuck or len(self._waiting) >= self._burst

    async def take(self) -> list[Message]:
        """Wait for messages and return all of them; empty once it has ended and nothing is left."""
        while not self._waiting and self.ending is None:
            self._news.clear()
            await self._news.wait()
        taken = list(self._waiting.values())
        self._waiting.clear()
        return taken

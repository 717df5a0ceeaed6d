"""Slows down who shows wrong tokens; whoever shows the right one never notices."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from typing import Final

A_MINUTE: Final = 10
"""Wrong tokens an address may show in a minute before it is told to wait."""
ADDRESSES_KEPT: Final = 1024


class FailedTokens:
    """A bucket of tries for each address, refilled evenly; of the latest addresses only."""

    def __init__(
        self,
        *,
        a_minute: int = A_MINUTE,
        kept: int = ADDRESSES_KEPT,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._size, self._kept, self._now = a_minute, kept, now
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def note(self, address: str) -> int:
        """Count a wrong token; return the seconds to wait before the next, 0 while there are tries left."""
        now = self._now()
        left, then = self._left.get(address, (float(self._size), now))
        left = min(self._size, left + (now - then) * self._size / 60)
        allowed = left >= 1
        left -= allowed
        self._left[address] = (left, now)
        self._left.move_to_end(address)
        while len(self._left) > self._kept:
            self._left.popitem(last=False)
        return 0 if allowed else max(1, round((1 - left) * 60 / self._size))

    def __len__(self) -> int:
        """Return how many addresses are remembered."""
        return len(self._left)

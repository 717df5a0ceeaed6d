"""The latest changes of a topic, kept in memory for those who come back soon."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import Final, TypeAlias

from vidra.state import Batch, Change, Cursor

RECENT: Final = 1000
"""Changes that are kept; whoever was away for longer is served from the journal."""
Stretch: TypeAlias = tuple[Cursor, Sequence[Change]]
"""A cursor, and what came behind it."""


class RecentChanges:
    """A bounded stretch of history without gaps. One event loop."""

    def __init__(self, most: int = RECENT) -> None:
        self._most, self._size = most, 0
        self._stretches: deque[Stretch] = deque()

    def add(self, before: Cursor, batch: Batch) -> None:
        """Keep what came behind `before`; a gap makes everything older worthless."""
        if batch.reset:
            self._stretches.clear()
            self._size = 0
        elif batch.cursor != before:
            self._stretches.append((before, batch.changes))
            self._size += 1 + len(batch.changes)
            while self._size > self._most:
                self._size -= 1 + len(self._stretches.popleft()[1])

    def since(self, cursor: Cursor) -> Sequence[Stretch] | None:
        """Return what came behind the cursor; None if no stretch that is kept begins there."""
        found: list[Stretch] = []
        for stretch in reversed(self._stretches):
            found.append(stretch)
            if stretch[0] == cursor:
                return found[::-1]
        return None

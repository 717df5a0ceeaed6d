"""How far a process has followed a journal file."""

from __future__ import annotations

from .files import Loaded
from .frame import Frame


class Position:
    """The place behind the last transaction taken in, and what is needed to see whether the file moved on."""

    def __init__(self, loaded: Loaded, *, migrated: bool) -> None:
        self.inode, self.base, self.end = loaded.inode, loaded.base, loaded.end
        self.last, self.tail = loaded.last, loaded.tail
        self.adopted, self.behind, self.migrated = loaded.adopted, loaded.behind, migrated
        self.mtime = 0
        """Nanoseconds; 0 while unknown, which makes the next look read on."""

    def advance(self, frame: Frame | None, tail: bytes, mtime: int) -> None:
        """Move behind `frame`; None keeps the place and takes note of what follows it."""
        if frame is not None:
            self.last, self.end = frame, frame.end
        self.tail, self.mtime = tail, mtime

"""Reads the journals as what they also are: the history of changes, by sequence number."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from io import FileIO
from pathlib import Path
from typing import TypeAlias, TypeVar

from .files import StateFiles
from .frame import CRC_DIGITS, Frame, scan
from .history import BatchOf, Change, Cursor, FeedOf
from .snapshot import META

Item = TypeVar("Item")
TranslateTo: TypeAlias = Callable[[Frame], Iterator[Item]]
Translate: TypeAlias = TranslateTo[Change]


class JournalReader:
    """Follows one journal without its lock and without keeping documents.

    Remembers where it was, so that going on costs a `stat` and the new bytes.
    """

    def __init__(self, path: Path) -> None:
        files = StateFiles(snapshot=path)
        # Made once: naming the file takes longer than looking at it.
        self._journal, self._previous = os.fspath(files.journal), files.previous_journal
        self._inode: int | None = None
        self._offset = 0
        self._at: tuple[str, int] = ("", 0)
        self._last: tuple[int, bytes] | None = None
        self._seen: tuple[int, int] | None = None

    def now(self) -> tuple[str, int]:
        """Return origin and sequence number of the latest transaction; ("", 0) for no file."""
        self._start_over()
        return self._at

    def since(self, origin: str, seq: int) -> tuple[Sequence[Frame], bool]:
        """Return the frames after that place, and whether the history does not reach back to it."""
        frames = self._read_on() if (origin, seq) == self._at else None
        if frames is None:
            return self._from_history(origin, seq)
        changed = any(_origin(frame, self._at[0]) != origin for frame in frames)
        return ((), True) if changed else (frames, False)

    @property
    def at(self) -> tuple[str, int]:
        """Origin and sequence number behind what was returned last."""
        return self._at

    def _read_on(self) -> Sequence[Frame] | None:
        """Return what was appended; None if the file is not the one we know any more."""
        try:
            found = os.stat(self._journal)  # noqa: PTH116 - called twenty times a second for each follower
        except FileNotFoundError:
            return () if self._inode is None else None
        if found.st_ino != self._inode or found.st_size < self._offset:
            return None
        seen = (found.st_size, found.st_mtime_ns)
        if seen == self._seen:
            return ()
        with FileIO(self._journal) as file:  # read to its end at once: a buffer is of no use
            if os.fstat(file.fileno()).st_ino != self._inode or not self._holds_last(file):
                return None
            file.seek(self._offset)
            scanned = scan(file.read(), self._offset, after=self._at[1])
        self._take(scanned.frames, scanned.end)
        self._seen = seen
        return scanned.frames

    def _holds_last(self, file: FileIO) -> bool:
        """Return whether our last frame is there: a later file may have the number of a deleted one."""
        if self._last is None:
            return True
        start, crc = self._last
        file.seek(start)
        return file.read(CRC_DIGITS) == crc

    def _take(self, frames: Sequence[Frame], end: int) -> None:
        self._offset = end
        if frames:
            self._last = (frames[-1].start, frames[-1].crc)
        for frame in frames:
            self._at = (_origin(frame, self._at[0]), frame.seq)

    def _start_over(self) -> Sequence[Frame]:
        """Read the current journal from its beginning."""
        self._inode, self._offset, self._at = None, 0, ("", 0)
        self._last = self._seen = None
        try:
            with FileIO(self._journal) as file:
                self._inode = os.fstat(file.fileno()).st_ino
                found = scan(file.read())
        except FileNotFoundError:
            return ()
        self._take(found.frames, found.end)
        return found.frames

    def _from_history(self, origin: str, seq: int) -> tuple[Sequence[Frame], bool]:
        try:
            older: Sequence[Frame] = scan(self._previous.read_bytes()).frames
        except FileNotFoundError:
            older = ()
        frames = [*older, *self._start_over()]
        if not frames:
            return (), (origin, seq) != ("", 0)
        reached, current, news = False, "", list[Frame]()
        for frame in frames:
            before, current = current, _origin(frame, current)
            if news and current != before:
                reached = False
            if frame.seq == seq and (current == origin or (not origin and not seq)):
                reached, news = True, []
            elif reached and frame.seq > (news[-1].seq if news else seq):
                reached = current == (origin or current) and frame.seq == (news[-1].seq if news else seq) + 1
                news.append(frame)
        return (news, False) if reached else ((), True)


def _origin(frame: Frame, current: str) -> str:
    for table, _, document in frame.operations:
        if table == META and document is not None:
            return str(document.get("origin", current))
    return current


class JournalFeed(FeedOf[Item]):
    """See `FeedOf`: several journals, each with what makes changes of its frames."""

    def __init__(self, files: Mapping[str, tuple[Path, TranslateTo[Item]]]) -> None:
        self._readers = {name: JournalReader(path) for name, (path, _) in files.items()}
        self._translate = {name: translate for name, (_, translate) in files.items()}

    def now(self) -> Cursor:
        """Return the cursor behind the latest change."""
        return Cursor(positions=tuple((name, *reader.now()) for name, reader in self._readers.items()))

    def since(self, cursor: Cursor) -> BatchOf[Item]:
        """Return what came after the cursor."""
        known = {name: (origin, seq) for name, origin, seq in cursor.positions}
        changes: list[Item] = []
        reset = moved = False
        for name, reader in self._readers.items():
            place = known.get(name, ("?", 0))
            frames, missing = reader.since(*place)
            reset, moved = reset or missing, moved or reader.at != place
            changes += [change for frame in frames for change in self._translate[name](frame)]
        if not moved and not reset:
            return BatchOf(changes=(), cursor=cursor)
        behind = Cursor(positions=tuple((name, *reader.at) for name, reader in self._readers.items()))
        return BatchOf(changes=() if reset else changes, cursor=behind, reset=reset)

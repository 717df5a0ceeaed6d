"""What the state room promises to those who follow it: changes in order, from any place still kept."""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final, Generic, Self, TypeAlias, TypeVar

from vidra.errors import UsageError

from .interface import Entry, Job, JobProgress, LogLine

POLL_S: Final = 0.05
"""Seconds between two looks of whoever follows changes; a look without news is one `stat` a file."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """A place in the history of one or more state files; as text it fits a URL or an SSE event id."""

    positions: tuple[tuple[str, str, int], ...]
    """File, its origin (which changes when numbers are used anew), last transaction seen."""

    def __str__(self) -> str:
        """Return `file:origin:seq`, joined by commas."""
        return ",".join(f"{file}:{origin}:{seq}" for file, origin, seq in self.positions)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a cursor's text; raise `UsageError` for anything else."""
        parts = [part.split(":") for part in text.split(",")]
        if not all(len(part) == 3 and part[2].isdecimal() for part in parts):
            raise UsageError(
                f"cursor {text!r}: expected what an earlier answer gave, as `file:origin:number`"
            )
        return cls(positions=tuple((file, origin, int(seq)) for file, origin, seq in parts))


@unique
class ChangeKind(StrEnum):
    """What a change is about."""

    JOB = "job"
    """`job` is the new record."""
    REMOVED = "removed"
    """The job is gone; `job` is what it was."""
    PROGRESS = "progress"
    """`progress` is the job's new one."""
    ENTRY = "entry"
    """`entry` is the new record of entry `index`, without its progress."""
    ENTRY_PROGRESS = "entry_progress"
    """`progress` is the new one of entry `index`."""
    LOG = "log"
    """`line` was added."""
    OPTIONS = "options"
    """The options were replaced; load them if they matter."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One change of one job; the fields that its kind does not name are None."""

    kind: ChangeKind
    job_id: str
    job: Job | None = None
    progress: JobProgress | None = None
    entry: Entry | None = None
    index: int | None = None
    line: LogLine | None = None


Item = TypeVar("Item")


@dataclass(frozen=True, kw_only=True, slots=True)
class BatchOf(Generic[Item]):
    """Changes in order, and the cursor behind them.

    `reset` says that the history back to the asked cursor is not kept any more: read the stores
    anew, then go on from this cursor. The changes are empty then.
    """

    changes: Sequence[Item]
    cursor: Cursor
    reset: bool = False


class FeedOf(ABC, Generic[Item]):
    """What changed since a cursor.

    To miss nothing: take `now()`, then read the stores, then follow from there;
    a change may be seen twice that way, and as records are whole, that does no harm.
    """

    @abstractmethod
    def now(self) -> Cursor:
        """Return the cursor behind the latest change."""

    @abstractmethod
    def since(self, cursor: Cursor) -> BatchOf[Item]:
        """Return what came after the cursor, at once; cheap when that is nothing."""

    def follow(
        self, cursor: Cursor | None = None, *, stop: threading.Event, poll_s: float = POLL_S
    ) -> Iterator[BatchOf[Item]]:
        """Yield batches that are not empty, from `cursor` (None: from now on) until `stop` is set."""
        place = self.now() if cursor is None else cursor
        while True:
            # Asked before reading, so that what was written before the stop is still delivered.
            stopping = stop.is_set()
            batch = self.since(place)
            place = batch.cursor
            if batch.changes or batch.reset:
                yield batch
            elif stopping:
                return
            else:
                stop.wait(poll_s)

    async def afollow(
        self, cursor: Cursor | None = None, *, poll_s: float = POLL_S
    ) -> AsyncIterator[BatchOf[Item]]:
        """Yield batches that are not empty, for asyncio; ends when the consumer closes or cancels it."""
        place = self.now() if cursor is None else cursor
        while True:
            batch = self.since(place)
            place = batch.cursor
            if batch.changes or batch.reset:
                yield batch
            else:
                await asyncio.sleep(poll_s)


Batch: TypeAlias = BatchOf[Change]
Feed: TypeAlias = FeedOf[Change]
"""The changes of all jobs and their progress; for one job also those of its entries, log lines, options."""

"""The whole state without files, for tests and for trying things out; it ends with the process."""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Generic, Self, TypeVar

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.errors import StateBusy

from .facade import JobLock, LockHolder, State
from .history import BatchOf, Change, ChangeKind, Cursor, Feed, FeedOf
from .interface import Archive, EntryStore, JobStore, LogStore, OptionStore
from .keyed import Document, MemoryKeyedStore
from .memory_stores import (
    MemoryArchive,
    MemoryEntryStore,
    MemoryJobStore,
    MemoryLogStore,
    MemoryOptionStore,
)
from .naming import checked_job_id
from .records import EVENTS, SOURCES, STANDINGS
from .source_interface import SourceChange, SourceStore
from .sources import KeyedSourceStore, source_change

_CHANGES_KEPT = 10_000
_NOWHERE = Path("memory")
_EVERYWHERE = frozenset({ChangeKind.JOB, ChangeKind.REMOVED, ChangeKind.PROGRESS})


Item = TypeVar("Item")


class MemoryHistory(Generic[Item]):
    """The latest changes, numbered."""

    def __init__(self) -> None:
        self.origin, self.seq = uuid.uuid4().hex[:12], 0
        self.changes: deque[tuple[int, Item]] = deque(maxlen=_CHANGES_KEPT)

    def publish(self, change: Item) -> None:
        """Add a change."""
        self.seq += 1
        self.changes.append((self.seq, change))


class MemoryFeed(FeedOf[Item]):
    """See `FeedOf`."""

    def __init__(self, history: MemoryHistory[Item], wanted: Callable[[Item], bool]) -> None:
        self._history, self._wanted = history, wanted

    def now(self) -> Cursor:
        """Return the cursor behind the latest change."""
        return Cursor(positions=(("memory", self._history.origin, self._history.seq),))

    def since(self, cursor: Cursor) -> BatchOf[Item]:
        """Return what came after the cursor."""
        behind = self.now()
        _, origin, seq = cursor.positions[0]
        known = list(self._history.changes)
        if origin != self._history.origin or (known and seq < known[0][0] - 1) or seq > self._history.seq:
            return BatchOf(changes=(), cursor=behind, reset=True)
        return BatchOf(changes=[c for n, c in known if n > seq and self._wanted(c)], cursor=behind)


class _Publishing:
    """Tells a history of every new document of one table."""

    def __init__(self, table: str, history: MemoryHistory[SourceChange]) -> None:
        self._table, self._history = table, history

    def clear(self) -> None:
        """Do nothing: what was told stays told."""

    def change(self, old: Document | None, new: Document | None) -> None:
        """Publish what is new."""
        del old
        if new is not None and (change := source_change(self._table, new, _NOWHERE)) is not None:
            self._history.publish(change)


class MemoryJobLock(JobLock):
    """See `JobLock`; excludes other locks of the same state only."""

    def __init__(self, held: dict[str, tuple[JobLock, LockHolder]], job_id: str, note: LockHolder) -> None:
        self._held, self._job_id, self._note = held, job_id, note

    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting; return whether it is held now."""
        return self._held.setdefault(self._job_id, (self, self._note))[0] is self

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._job_id in self._held and self._held[self._job_id][0] is self:
            del self._held[self._job_id]

    def holder(self) -> LockHolder | None:
        """Return who holds it, None if it is free."""
        return self._held[self._job_id][1] if self._job_id in self._held else None

    def __enter__(self) -> Self:
        """Take the lock; raise `StateBusy` naming the holder if it is taken."""
        if not self.try_acquire():
            raise StateBusy(Path(self._job_id), f"held by {self.holder()}")
        return self


class MemoryState(State):
    """See `State`. Made by `memory_state`."""

    def __init__(self, *, clock: Clock, log_lines_kept: int) -> None:
        self._clock = clock
        self._history: MemoryHistory[Change] = MemoryHistory()
        publish = self._history.publish
        self._jobs = MemoryJobStore(publish)
        self._options = MemoryOptionStore(publish, clock)
        self._logs = MemoryLogStore(publish, clock, log_lines_kept)
        self._archive = MemoryArchive()
        self._sources = _memory_sources(clock)
        self._entries: dict[str, MemoryEntryStore] = {}
        self._locks: dict[str, tuple[JobLock, LockHolder]] = {}

    @property
    def jobs(self) -> JobStore:
        """The jobs."""
        return self._jobs

    @property
    def options(self) -> OptionStore:
        """The options of each job."""
        return self._options

    @property
    def logs(self) -> LogStore:
        """The log lines of each job."""
        return self._logs

    @property
    def archive(self) -> Archive:
        """The download archive."""
        return self._archive

    @property
    def sources(self) -> SourceStore:
        """The sources."""
        return self._sources

    def entries(self, job_id: str) -> EntryStore:
        """Return the entries of a job; an empty store if there are none yet."""
        store = MemoryEntryStore(checked_job_id(job_id), self._history.publish)
        return self._entries.setdefault(job_id, store)

    def feed(self, job_id: str | None = None) -> Feed:
        """Return the changes of all jobs, or all changes of one."""

        def wanted(change: Change) -> bool:
            return change.kind in _EVERYWHERE if job_id is None else change.job_id == job_id

        return MemoryFeed(self._history, wanted)

    def job_lock(self, job_id: str, *, purpose: str = "work") -> JobLock:
        """Return the job's lock, not yet taken."""
        note = LockHolder(pid=0, host="memory", purpose=purpose, since=iso(self._clock.now()))
        return MemoryJobLock(self._locks, checked_job_id(job_id), note)

    def remove_job(self, job_id: str) -> None:
        """Forget the job with its entries, options and logs; raise `JobNotFound`."""
        self._jobs.remove(job_id)
        self._entries.pop(job_id, None)
        self._options.remove(job_id)
        self._logs.remove(job_id)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""


def memory_state(*, clock: Clock = SYSTEM_CLOCK, log_lines_kept: int = 2000) -> MemoryState:
    """Return an empty state that lives in memory."""
    return MemoryState(clock=clock, log_lines_kept=log_lines_kept)


def _memory_sources(clock: Clock) -> SourceStore:
    store = MemoryKeyedStore()
    history: MemoryHistory[SourceChange] = MemoryHistory()
    for table in (SOURCES, STANDINGS, EVENTS):
        store.follow(table, _Publishing(table, history))
    return KeyedSourceStore(
        store, path=_NOWHERE, clock=clock, feed=lambda: MemoryFeed(history, lambda _: True)
    )

"""The stores without files: plain dictionaries under the same contract."""

from __future__ import annotations

import threading
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from vidra.clock import Clock
from vidra.errors import JobConflict, JobNotFound, UsageError

from .database import detached
from .history import Change, ChangeKind
from .interface import (
    Archive,
    Entry,
    EntryStatus,
    EntryStore,
    Job,
    JobProgress,
    JobStatus,
    JobStore,
    LogLine,
    LogStore,
    OptionStore,
)
from .logs import printable
from .naming import checked_job_id
from .records import replaced

Publish = Callable[[Change], None]


class MemoryJobStore(JobStore):
    """See `JobStore`."""

    def __init__(self, publish: Publish) -> None:
        self._publish, self._guard = publish, threading.RLock()
        self._jobs: dict[str, Job] = {}
        self._progress: dict[str, JobProgress] = {}

    def add(self, job: Job) -> Job:
        """Store a new job; raise `ValueError` if its id is taken."""
        checked_job_id(job.job_id)
        with self._guard:
            if job.job_id in self._jobs:
                raise ValueError(f"there is a job `{job.job_id}` already")
            return self._keep(job)

    def get(self, job_id: str) -> Job:
        """Return the job; raise `JobNotFound`."""
        with self._guard:
            if job_id not in self._jobs:
                raise JobNotFound(job_id)
            return self._jobs[job_id].model_copy(deep=True)

    def list(
        self, *, statuses: Collection[JobStatus] | None = None, creator: str | None = None
    ) -> Sequence[Job]:
        """Return jobs, oldest first by creation."""
        with self._guard:
            jobs = sorted(self._jobs.values(), key=lambda job: job.created_at)
        return [
            job.model_copy(deep=True)
            for job in jobs
            if (statuses is None or job.status in statuses) and (creator is None or job.creator == creator)
        ]

    def update(self, job_id: str, /, **fields: object) -> Job:
        """Replace fields of the job and return the new record; raise `JobNotFound`."""
        with self._guard:
            job = replaced(self.get(job_id), fields)
            if job.job_id != job_id:
                raise ValueError("a job keeps its id")
            return self._keep(job)

    def transition(
        self, job_id: str, status: JobStatus, *, allowed_from: Collection[JobStatus], **fields: object
    ) -> Job:
        """Change the status, compare-and-set between threads."""
        with self._guard:
            current = self.get(job_id).status
            if current not in allowed_from:
                raise JobConflict(job_id, current, f"move to {status}")
            return self.update(job_id, **{**fields, "status": status})

    def remove(self, job_id: str) -> None:
        """Forget the job and its progress; raise `JobNotFound`."""
        with self._guard:
            job = self.get(job_id)
            del self._jobs[job_id]
            self._progress.pop(job_id, None)
            self._publish(Change(kind=ChangeKind.REMOVED, job_id=job_id, job=job))

    def progress(self, job_id: str) -> JobProgress | None:
        """Return the latest figures, if any."""
        return self._progress.get(job_id)

    def set_progress(self, job_id: str, progress: JobProgress) -> None:
        """Store the latest figures; raise `JobNotFound`."""
        with self._guard:
            self.get(job_id)
            self._progress[job_id] = progress
            self._publish(Change(kind=ChangeKind.PROGRESS, job_id=job_id, progress=progress))

    def _keep(self, job: Job) -> Job:
        if self._jobs.get(job.job_id) != job:
            self._jobs[job.job_id] = job.model_copy(deep=True)
            self._publish(Change(kind=ChangeKind.JOB, job_id=job.job_id, job=job))
        return job


class MemoryEntryStore(EntryStore):
    """See `EntryStore`."""

    def __init__(self, job_id: str, publish: Publish) -> None:
        self._job_id, self._publish, self._guard = job_id, publish, threading.RLock()
        self._entries: dict[int, Entry] = {}

    def put(self, entries: Iterable[Entry]) -> None:
        """Store or replace entries, all or none."""
        records = list(entries)
        if any(entry.index < 1 for entry in records):
            raise ValueError("entry index: expected 1 or more")
        with self._guard:
            for entry in records:
                self._keep(entry)

    def get(self, index: int) -> Entry:
        """Return the entry; raise `LookupError`."""
        with self._guard:
            if index not in self._entries:
                raise LookupError(f"{self._job_id} has no entry {index}")
            return self._entries[index].model_copy(deep=True)

    def all(self) -> Sequence[Entry]:
        """Return every entry, by index."""
        with self._guard:
            return [self.get(index) for index in sorted(self._entries)]

    def update(self, index: int, /, *, durable: bool = True, **fields: object) -> Entry:  # noqa: ARG002 - nothing here is durable
        """Replace fields of one entry; raise `LookupError`."""
        with self._guard:
            entry = replaced(self.get(index), fields)
            if entry.index != index:
                raise ValueError("an entry keeps its index")
            self._keep(entry)
            return entry

    def tally(self) -> Mapping[EntryStatus, int]:
        """Return how many entries have each status; statuses without entries are left out."""
        with self._guard:
            return Counter(entry.status for entry in self._entries.values())

    def _keep(self, entry: Entry) -> None:
        old = self._entries.get(entry.index)
        self._entries[entry.index] = entry.model_copy(deep=True)
        bare = entry.model_copy(update={"progress": None})
        if old is None or old.model_copy(update={"progress": None}) != bare:
            self._publish(Change(kind=ChangeKind.ENTRY, job_id=self._job_id, index=entry.index, entry=bare))
        if entry.progress is not None and (old is None or old.progress != entry.progress):
            kind, index, progress = ChangeKind.ENTRY_PROGRESS, entry.index, entry.progress
            self._publish(Change(kind=kind, job_id=self._job_id, index=index, progress=progress))


class MemoryOptionStore(OptionStore):
    """See `OptionStore`."""

    def __init__(self, publish: Publish, clock: Clock) -> None:
        self._publish, self._clock, self._guard = publish, clock, threading.RLock()
        self._options: dict[str, tuple[int, dict[str, Any]]] = {}

    def save(self, job_id: str, options: Mapping[str, Any]) -> int:
        """Store the options and return their version; it changes only when they do."""
        checked_job_id(job_id)
        wanted = detached(options)
        with self._guard:
            version, known = self._options.get(job_id, (0, None))
            if known != wanted:
                version = max(int(self._clock.now().timestamp() * 1000), version + 1)
                self._options[job_id] = (version, wanted)
                self._publish(Change(kind=ChangeKind.OPTIONS, job_id=job_id))
            return version

    def load(self, job_id: str) -> tuple[int | None, Mapping[str, Any]]:
        """Return version and options; (None, {}) when none are stored."""
        version, options = self._options.get(checked_job_id(job_id), (None, {}))
        return version, detached(options)

    def remove(self, job_id: str) -> None:
        """Forget the options, if any."""
        self._options.pop(checked_job_id(job_id), None)


class MemoryLogStore(LogStore):
    """See `LogStore`."""

    def __init__(self, publish: Publish, clock: Clock, keep: int) -> None:
        self._publish, self._clock, self._keep, self._guard = publish, clock, keep, threading.RLock()
        self._logs: dict[str, tuple[int, deque[LogLine]]] = {}

    def append(self, job_id: str, lines: Sequence[LogLine]) -> int:
        """Add lines, drop the oldest beyond the bound, return the new version."""
        checked_job_id(job_id)
        with self._guard:
            version, kept = self._logs.get(job_id, (0, deque(maxlen=self._keep)))
            if lines:
                version = max(int(self._clock.now().timestamp() * 1000), version + 1)
                kept.extend(printable(line) for line in lines)
                self._logs[job_id] = (version, kept)
            for line in lines:
                self._publish(Change(kind=ChangeKind.LOG, job_id=job_id, line=printable(line)))
            return version

    def tail(self, job_id: str, *, limit: int | None = None) -> tuple[int | None, Sequence[LogLine]]:
        """Return version and the newest lines, oldest first; (None, ()) when there are none."""
        with self._guard:
            if checked_job_id(job_id) not in self._logs:
                return None, ()
            version, kept = self._logs[job_id]
            lines = tuple(kept)
            return version, lines if limit is None else lines[max(0, len(lines) - limit) :]

    def remove(self, job_id: str) -> None:
        """Forget the lines, if any."""
        self._logs.pop(checked_job_id(job_id), None)


class MemoryArchive(Archive):
    """See `Archive`."""

    def __init__(self) -> None:
        self._keys: set[str] = set()

    def __contains__(self, key: object) -> bool:
        """Whether the key is recorded."""
        return key in self._keys

    def add(self, key: str) -> bool:
        """Record the key once; return whether it was new."""
        if not key.strip() or key != key.strip() or len(key.splitlines()) != 1:
            raise UsageError(f"archive key {key!r}: expected one line `extractor id`")
        new = key not in self._keys
        self._keys.add(key)
        return new

    def remove(self, key: str) -> bool:
        """Forget the key; return whether it was there."""
        known = key in self._keys
        self._keys.discard(key)
        return known

    def keys(self) -> frozenset[str]:
        """Return all keys."""
        return frozenset(self._keys)

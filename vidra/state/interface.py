"""What the state room promises: the records it keeps and the stores that keep them.

Flows write through these stores, everybody else reads. Every implementation passes the one contract
suite in `tests/state/`. Records are frozen; a change is a new record.
"""

from __future__ import annotations

import asyncio
import threading
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, Self

from pydantic import BaseModel, ConfigDict, Field

from vidra.errors import UsageError

POLL_S: Final = 0.05
"""Seconds between two looks of whoever follows changes; a look without news is one `stat` a file."""


@unique
class JobStatus(StrEnum):
    """Where a job stands; names as in the client contract, section 4.1."""

    QUEUED = "queued"
    STARTING = "starting"
    RUNNING = "running"
    RETRYING = "retrying"
    PAUSING = "pausing"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    FAILED = "failed"
    COMPLETED = "completed"
    COMPLETED_WITH_ERRORS = "completed_with_errors"


TERMINAL: Final = frozenset(
    {JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS, JobStatus.FAILED, JobStatus.CANCELLED}
)
ACTIVE: Final = frozenset(
    {JobStatus.RUNNING, JobStatus.CANCELLING, JobStatus.PAUSING, JobStatus.STARTING, JobStatus.RETRYING}
)


@unique
class JobKind(StrEnum):
    """What the job's URL turned out to be."""

    UNKNOWN = "unknown"
    VIDEO = "video"
    PLAYLIST = "playlist"


@unique
class EntryStatus(StrEnum):
    """Where one playlist entry stands; names as in the client contract, section 4.6."""

    PENDING = "pending"
    QUEUED = "queued"
    ACTIVE = "active"
    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    REMOVED = "removed"


@unique
class DesiredState(StrEnum):
    """What a person wants of a job; written first, then enforced."""

    RUN = "run"
    PAUSE = "pause"
    CANCEL = "cancel"


class Record(BaseModel):
    """A stored document: frozen, strict about unknown fields, with its schema version."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    """Schema version of this document; migrations are keyed by it."""


class JobProgress(Record):
    """The latest figures of a job. Small, written often, never fsynced: losing a tick loses nothing."""

    stage: str | None = None
    stage_name: str | None = None
    percent: float | None = None
    stage_percent: float | None = None
    downloaded_bytes: int | None = None
    total_bytes: int | None = None
    speed: float | None = None
    eta: int | None = None
    elapsed: float | None = None
    filename: str | None = None
    tmpfilename: str | None = None
    message: str | None = None
    total_items: int | None = None
    completed_items: int | None = None
    failed_items: int | None = None
    current_index: int | None = None


class Job(Record):
    """One request by a person or a subscription; owns any number of flow runs.

    Times are ISO-8601 UTC with microseconds and `Z` (see `vidra.clock.iso`). Lists that grow with a
    playlist do not live here but in the job's entries, so that a job document stays small.
    """

    job_id: str
    urls: tuple[str, ...]
    status: JobStatus = JobStatus.QUEUED
    desired: DesiredState = DesiredState.RUN
    kind: JobKind = JobKind.UNKNOWN
    creator: str | None = None
    created_at: str
    started_at: str | None = None
    finished_at: str | None = None
    error: str | None = None
    metadata: Mapping[str, Any] = Field(default_factory=dict)
    """Title, thumbnail, uploader … as the client contract names them (section 4.4)."""
    preset: str | None = None
    attempt: int = 1
    """Counts flow runs that were asked for; part of their idempotency key."""
    flow_run_ids: tuple[str, ...] = ()
    selection_required: bool = False
    selection: str | None = None
    """Chosen entries as yt-dlp's `playlist_items` text, or None for all."""
    main_file: str | None = None
    generated_files: tuple[str, ...] = ()
    total_items: int | None = None


class Entry(Record):
    """One playlist entry of a job (a single video is a list of one)."""

    index: int
    entry_id: str | None = None
    key: str | None = None
    url: str
    title: str | None = None
    status: EntryStatus = EntryStatus.PENDING
    error: str | None = None
    error_at: str | None = None
    duration: float | None = None
    thumbnail_url: str | None = None
    uploader: str | None = None
    channel: str | None = None
    main_file: str | None = None
    files: tuple[str, ...] = ()
    """Everything this entry put into the library, the main file included."""
    size: int | None = None
    progress: JobProgress | None = None
    extra: Mapping[str, Any] = Field(default_factory=dict)
    """Further fields of the client contract's entry (section 4.6)."""


class LogLine(Record):
    """One line about a job; level is debug, info, warning, error, stdout or stderr."""

    timestamp: str
    level: str
    message: str
    playlist_index: int | None = None
    playlist_entry_id: str | None = None


class JobStore(ABC):
    """Jobs and their latest progress. Safe between threads and between processes.

    Every method but `set_progress` is durable when it returns: an acknowledged change survives
    `kill -9` and a power cut. Raises `StateError` subclasses when the disk does not play along;
    the old state then stands, in memory and on disk.
    """

    @abstractmethod
    def add(self, job: Job) -> Job:
        """Store a new job; raise `ValueError` if its id is taken."""

    @abstractmethod
    def get(self, job_id: str) -> Job:
        """Return the job; raise `JobNotFound`."""

    @abstractmethod
    def list(
        self, *, statuses: Collection[JobStatus] | None = None, creator: str | None = None
    ) -> Sequence[Job]:
        """Return jobs, oldest first by creation."""

    @abstractmethod
    def update(self, job_id: str, /, **fields: object) -> Job:
        """Replace fields of the job and return the new record; raise `JobNotFound`."""

    @abstractmethod
    def transition(
        self, job_id: str, status: JobStatus, *, allowed_from: Collection[JobStatus], **fields: object
    ) -> Job:
        """Change the status, compare-and-set between processes.

        Raises `JobConflict` when the current status is not in `allowed_from`, `JobNotFound` when
        there is no such job.
        """

    @abstractmethod
    def remove(self, job_id: str) -> None:
        """Forget the job and its progress; raise `JobNotFound`."""

    @abstractmethod
    def progress(self, job_id: str) -> JobProgress | None:
        """Return the latest figures, if any."""

    @abstractmethod
    def set_progress(self, job_id: str, progress: JobProgress) -> None:
        """Store the latest figures; cheap and not durable."""


class EntryStore(ABC):
    """The entries of one job, by 1-based index."""

    @abstractmethod
    def put(self, entries: Iterable[Entry]) -> None:
        """Store or replace entries, all in one durable transaction."""

    @abstractmethod
    def get(self, index: int) -> Entry:
        """Return the entry; raise `LookupError`."""

    @abstractmethod
    def all(self) -> Sequence[Entry]:
        """Return every entry, by index."""

    @abstractmethod
    def update(self, index: int, /, *, durable: bool = True, **fields: object) -> Entry:
        """Replace fields of one entry; `durable=False` for progress ticks."""

    @abstractmethod
    def tally(self) -> Mapping[EntryStatus, int]:
        """Return how many entries have each status; O(1) in the number of entries."""


class OptionStore(ABC):
    """The download options of each job, as the client sent them, secrets left out."""

    @abstractmethod
    def save(self, job_id: str, options: Mapping[str, Any]) -> int:
        """Store the options and return their version; it changes only when they do."""

    @abstractmethod
    def load(self, job_id: str) -> tuple[int | None, Mapping[str, Any]]:
        """Return version and options; (None, {}) when none are stored."""

    @abstractmethod
    def remove(self, job_id: str) -> None:
        """Forget the options, if any."""


class LogStore(ABC):
    """The latest lines of each job, bounded; the caller has redacted them."""

    @abstractmethod
    def append(self, job_id: str, lines: Sequence[LogLine]) -> int:
        """Add lines, drop the oldest beyond the bound, return the new version; not durable."""

    @abstractmethod
    def tail(self, job_id: str, *, limit: int | None = None) -> tuple[int | None, Sequence[LogLine]]:
        """Return version and the newest lines, oldest first; (None, ()) when there are none."""

    @abstractmethod
    def remove(self, job_id: str) -> None:
        """Forget the lines, if any."""


class Archive(ABC):
    """Which media were downloaded: yt-dlp's own text format, one `extractor id` a line."""

    @abstractmethod
    def __contains__(self, key: object) -> bool:
        """Whether the key is recorded."""

    @abstractmethod
    def add(self, key: str) -> bool:
        """Record the key, durably, once; return whether it was new."""

    @abstractmethod
    def remove(self, key: str) -> bool:
        """Forget the key; return whether it was there."""

    @abstractmethod
    def keys(self) -> frozenset[str]:
        """Return all keys."""


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


@dataclass(frozen=True, kw_only=True, slots=True)
class Batch:
    """Changes in order, and the cursor behind them.

    `reset` says that the history back to the asked cursor is not kept any more: read the stores
    anew, then go on from this cursor. The changes are empty then.
    """

    changes: Sequence[Change]
    cursor: Cursor
    reset: bool = False


class Feed(ABC):
    """What changed since a cursor, for all jobs or for one.

    A feed of all jobs tells of jobs and their progress; a feed of one job also of its entries, log
    lines and options. To miss nothing: take `now()`, then read the stores, then follow from there;
    a change may be seen twice that way, and as records are whole, that does no harm.
    """

    @abstractmethod
    def now(self) -> Cursor:
        """Return the cursor behind the latest change."""

    @abstractmethod
    def since(self, cursor: Cursor) -> Batch:
        """Return what came after the cursor, at once; cheap when that is nothing."""

    def follow(
        self, cursor: Cursor | None = None, *, stop: threading.Event, poll_s: float = POLL_S
    ) -> Iterator[Batch]:
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

    async def afollow(self, cursor: Cursor | None = None, *, poll_s: float = POLL_S) -> AsyncIterator[Batch]:
        """Yield batches that are not empty, for asyncio; ends when the consumer closes or cancels it."""
        place = self.now() if cursor is None else cursor
        while True:
            batch = self.since(place)
            place = batch.cursor
            if batch.changes or batch.reset:
                yield batch
            else:
                await asyncio.sleep(poll_s)


@dataclass(frozen=True, kw_only=True, slots=True)
class LockHolder:
    """Who holds a job's lock."""

    pid: int
    host: str
    purpose: str
    since: str
    """ISO-8601 UTC."""

    def __str__(self) -> str:
        """Return it as the end of a sentence: `process 12 on host (download) since …`."""
        return f"process {self.pid} on {self.host} ({self.purpose}) since {self.since}"


class JobLock(ABC):
    """What a flow holds while it works on a job. Released by the system when its process ends.

    A process that forks without exec passes it on to the child: take it after forking.
    """

    @abstractmethod
    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting; return whether it is held now."""

    @abstractmethod
    def release(self) -> None:
        """Let go; harmless when not held."""

    @abstractmethod
    def holder(self) -> LockHolder | None:
        """Return who holds it, None if it is free or nobody signed for it."""

    @abstractmethod
    def __enter__(self) -> Self:
        """Take the lock; raise `StateBusy` naming the holder if it is taken."""

    def __exit__(self, *_: object) -> None:
        """Let go."""
        self.release()


class State(ABC):
    """All stores of one data folder. Use it as a context manager, or `close` it."""

    @property
    @abstractmethod
    def jobs(self) -> JobStore:
        """The jobs."""

    @property
    @abstractmethod
    def options(self) -> OptionStore:
        """The options of each job."""

    @property
    @abstractmethod
    def logs(self) -> LogStore:
        """The log lines of each job."""

    @property
    @abstractmethod
    def archive(self) -> Archive:
        """The download archive."""

    @abstractmethod
    def entries(self, job_id: str) -> EntryStore:
        """Return the entries of a job; an empty store if there are none yet."""

    @abstractmethod
    def feed(self, job_id: str | None = None) -> Feed:
        """Return the changes of all jobs, or all changes of one."""

    @abstractmethod
    def job_lock(self, job_id: str, *, purpose: str = "work") -> JobLock:
        """Return the job's lock, not yet taken; `purpose` is what the holder is shown to be doing."""

    @abstractmethod
    def remove_job(self, job_id: str) -> None:
        """Forget the job with its entries, options and logs; raise `JobNotFound`. Media files stay."""

    @abstractmethod
    def close(self) -> None:
        """Bring plain files up to date and let go of everything; harmless to repeat."""

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

"""What the state room promises: the records it keeps and the stores that keep them.

Flows write through these stores, everybody else reads. Every implementation passes the one contract
suite in `tests/state/`. Records are frozen; a change is a new record.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Mapping, Sequence
from enum import StrEnum, unique
from typing import Any, Final

from pydantic import BaseModel, ConfigDict, Field


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
    dry_run: bool = False
    """Only listed, never downloaded, and forgotten at the end of its run."""
    skip_archived: bool = False
    """Leave out what the download archive already names."""
    subscription: str | None = None
    """The subscription it works for, by name; its settings hold for the job."""
    attempt: int = 1
    """Counts flow runs that were asked for; part of their idempotency key."""
    crashes: int = 0
    """Runs that died without a word since the job last ended or made progress by itself."""
    flow_run_ids: tuple[str, ...] = ()
    resume_at: str | None = None
    """It is paused because a site is left alone, and goes on by itself from then on."""
    asks_selection: bool = False
    """A list waits until a person has chosen from it; jobs of subscriptions and scripts do not ask."""
    selection_required: bool = False
    """It waits now: status `starting`, no run under way."""
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

    def add_all(self, keys: Iterable[str]) -> int:
        """Record the keys, durably, each once; return how many were new."""
        return sum([self.add(key) for key in keys])

    @abstractmethod
    def remove(self, key: str) -> bool:
        """Forget the key; return whether it was there."""

    @abstractmethod
    def keys(self) -> frozenset[str]:
        """Return all keys."""

"""What a progress display is told: one frozen value per thing that happened."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

from vidra.state.interface import Entry, Job, JobProgress, LogLine


@dataclass(frozen=True, kw_only=True, slots=True)
class Notice:
    """Something about the run as a whole, for example that a private server starts."""

    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class JobChanged:
    """The job is new or its record changed."""

    job: Job


@dataclass(frozen=True, kw_only=True, slots=True)
class ProgressChanged:
    """The job has new figures."""

    job_id: str
    progress: JobProgress


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryChanged:
    """An entry is new or its record changed; its own figures are in `entry.progress`."""

    job_id: str
    entry: Entry


@dataclass(frozen=True, kw_only=True, slots=True)
class LogAppended:
    """A line was logged about the job."""

    job_id: str
    line: LogLine


Change: TypeAlias = Notice | JobChanged | ProgressChanged | EntryChanged | LogAppended

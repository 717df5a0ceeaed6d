"""Records to show, with everything filled in that a test does not care about."""

from __future__ import annotations

from typing import Any

from vidra.cli.progress import EntryChanged, JobChanged
from vidra.state.interface import Entry, EntryStatus, Job, JobProgress, JobStatus

CREATED = "2026-11-20T20:21:59.418625Z"


def a_job(job_id: str = "job-1", **fields: Any) -> Job:
    """Return a job."""
    return Job(job_id=job_id, created_at=CREATED, **{"urls": ("http://site.test/list",), **fields})


def an_entry(index: int = 1, **fields: Any) -> Entry:
    """Return an entry."""
    return Entry(index=index, **{"url": f"http://site.test/{index}", "title": f"Title {index}", **fields})


def at(percent: float, **fields: Any) -> JobProgress:
    """Return a tick of a 100 MiB download."""
    done = int(percent * 1024 * 1024)
    facts = {"stage": "downloading", "downloaded_bytes": done, "total_bytes": 100 * 1024 * 1024}
    return JobProgress(percent=percent, **{**facts, **fields})


def active(index: int = 1, percent: float = 0.0, **fields: Any) -> Entry:
    """Return an entry at work; `fields` go to the record that knows them."""
    figures = {key: value for key, value in fields.items() if key in JobProgress.model_fields}
    rest = {key: value for key, value in fields.items() if key not in figures}
    return an_entry(index, status=EntryStatus.ACTIVE, progress=at(percent, **figures), **rest)


def done(index: int = 1, **fields: Any) -> Entry:
    """Return an entry of 27.1 MiB that is there."""
    facts = {"size": 28_416_410, "main_file": f"/media/{index}.mp4"}
    return an_entry(index, status=EntryStatus.COMPLETED, **{**facts, **fields})


def failed(index: int = 1, reason: str = "HTTP 410") -> Entry:
    """Return an entry that failed."""
    return an_entry(index, status=EntryStatus.FAILED, error=reason)


def told(entry: Entry, job_id: str = "job-1") -> EntryChanged:
    """Return what a display is told of the entry."""
    return EntryChanged(job_id=job_id, entry=entry)


def told_job(status: JobStatus = JobStatus.RUNNING, **fields: Any) -> JobChanged:
    """Return what a display is told of a job with this status."""
    return JobChanged(job=a_job(status=status, **fields))

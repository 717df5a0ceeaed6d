"""Puts jobs and entries into a state, as a flow would."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from vidra.state import State
from vidra.state.interface import Entry, EntryStatus, Job, JobKind, JobStatus

CREATED = "2026-11-20T20:21:59.418625Z"


def add_job(state: State, job_id: str = "job1", **fields: Any) -> Job:
    """Store a job."""
    given = {"urls": ("http://127.0.0.1/x",), "created_at": CREATED, "status": JobStatus.RUNNING, **fields}
    return state.jobs.add(Job(job_id=job_id, **given))


def add_list(state: State, job_id: str = "list1", *, entries: int = 3, **fields: Any) -> Job:
    """Store a job that is a list of so many pending entries."""
    metadata = {"title": "A list", "playlist_id": "PL1", "is_playlist": True, "playlist_entry_count": entries}
    job = add_job(
        state, job_id, **{"kind": JobKind.PLAYLIST, "metadata": metadata, "total_items": entries, **fields}
    )
    state.entries(job_id).put(entries_of(entries))
    return job


def entries_of(count: int, status: EntryStatus = EntryStatus.PENDING) -> Iterable[Entry]:
    """Return so many entries."""
    return [
        Entry(
            index=n,
            entry_id=f"id{n}",
            key=f"site id{n}",
            url=f"http://127.0.0.1/n/{n}.html",
            title=f"Entry {n}: a title of a common length",
            status=status,
            duration=61.0,
            uploader="Somebody",
            thumbnail_url=f"http://127.0.0.1/n/{n}.jpg",
        )
        for n in range(1, count + 1)
    ]

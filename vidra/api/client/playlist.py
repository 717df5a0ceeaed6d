"""The playlist object of the contract (section 4.5), in its sizes, and the events about a list."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final

import orjson

from vidra.api.client.entry import entry_object, error_object
from vidra.api.client.values import moment, shortened, text, texts, without_empties, without_nulls
from vidra.api.client.view import JobView, ListTally
from vidra.state.interface import Entry, Job, JobStatus

INLINE: Final = 100
"""Entries, references and errors that a message carries at most; a longer list is fetched by itself."""
INLINE_BYTES: Final = 24 * 1024
"""Bytes of the entries to choose from that a job carries with it; messages stay below 64 KB."""
ERROR_LIMIT: Final = 250
"""Characters of an entry's error in a message; asked for, it is whole."""
_SHORT_DESCRIPTION: Final = 200
_COPIED: Final = (
    "uploader", "uploader_id", "uploader_url", "channel", "channel_id", "channel_url", "webpage_url",
    "thumbnail_url", "availability", "live_status",
)  # fmt: skip


def playlist_object(
    view: JobView, *, entries: Sequence[Entry] | None = None, whole: bool = False
) -> dict[str, Any]:
    """Return the list without empty fields; with `entries`, if they are given.

    `whole` keeps references and errors however many there are; streams leave the excess out.
    """
    if not view.is_list:
        return {}
    limit = None if whole else INLINE
    fields = _facts(view.job) | _counts(view, limit)
    fields["entries_external"] = entries is None
    if entries is not None:
        fields["entries"] = [entry_object(entry) for entry in entries]
    return without_empties(fields) | collection_flags(view.job)


def compact_playlist(view: JobView) -> dict[str, Any]:
    """Return the list as a job's `metadata.playlist`: short entries only while they are to be chosen from."""
    choosing = view.job.selection_required and view.entries is not None and len(view.listed) <= INLINE
    entries = [entry_object(entry) for entry in view.listed] if choosing else []
    fields = _facts(view.job)
    if view.tally is not None:
        tally = view.tally
        fields |= {"entry_count": tally.listed, "total_items": tally.listed, "received_count": tally.received}
        fields["entries_version"] = tally.version
    if entries and len(orjson.dumps(entries)) <= INLINE_BYTES:
        fields["entries"] = entries
    else:
        fields["entries_external"] = True
    return without_empties(fields) | collection_flags(view.job)


def collection_flags(job: Job) -> dict[str, bool]:
    """Return the three flags that are always there."""
    known = job.total_items is not None
    return {
        "is_collecting_entries": not known and job.status is JobStatus.STARTING,
        "collection_complete": known,
        "has_indefinite_length": False,
    }


def playlist_progress(view: JobView, *, completed: int | None = None) -> dict[str, Any]:
    """Return the payload of `playlist_progress`; `completed` is the entry that was just finished."""
    tally = view.tally or _EMPTY
    current = tally.current
    fields = {
        "job_id": view.job.job_id,
        "status": view.job.status.value,
        "playlist_completed_items": len(tally.completed),
        "playlist_completed_indices": list(tally.completed),
        "playlist_total_items": tally.listed,
        "playlist_count": tally.listed,
        "playlist_pending_items": tally.pending,
        "playlist_percent": tally.percent,
        "playlist_current_index": current.index if current else 0,
        "playlist_current_entry_id": current.entry_id if current else None,
        "playlist_newly_completed_index": completed,
    }
    return without_nulls(fields)


def entry_errors(view: JobView, limit: int | None = None) -> list[dict[str, Any]]:
    """Return why entries failed, the latest `limit` of them."""
    errors = view.tally.errors if view.tally else ()
    if limit is None:
        return [error_object(entry, job=view.job) for entry in errors]
    found = [error_object(entry, job=view.job) for entry in errors[-limit:]]
    return [{**error, "message": shortened(error.get("message"), ERROR_LIMIT)} for error in found]


def _facts(job: Job) -> dict[str, Any]:
    known = job.metadata
    identity = text(known.get("playlist_id")) or text(known.get("webpage_url")) or job.urls[0]
    return {
        "playlist_id": identity,
        "id": identity,
        "entries_endpoint": f"/api/jobs/{job.job_id}/playlist/items",
        "title": text(known.get("playlist_title")) or text(known.get("title")),
        "description": shortened(known.get("description")),
        "description_short": shortened(known.get("description"), _SHORT_DESCRIPTION),
        **{name: text(known.get(name)) for name in _COPIED},
        "collected_at": moment(known.get("collected_at")),
        "thumbnails": [{"url": known["thumbnail_url"]}] if text(known.get("thumbnail_url")) else None,
        "tags": texts(known.get("tags")),
        "collection_error": text(known.get("collection_error")),
    }


def _counts(view: JobView, limit: int | None) -> dict[str, Any]:
    tally = view.tally
    if tally is None:
        total = view.job.total_items
        done = view.progress.completed_items if view.progress else None
        return {"entry_count": total, "total_items": total, "completed_items": done}
    references = view.listed if limit is None or len(view.listed) <= limit else ()
    return {
        "entry_count": tally.listed,
        "total_items": tally.listed,
        "completed_items": len(tally.completed),
        "pending_items": tally.pending,
        "current_index": tally.current.index if tally.current else None,
        "current_entry_id": tally.current.entry_id if tally.current else None,
        "received_count": tally.received,
        "entries_version": tally.version,
        "percent": tally.percent,
        "selected_indices": list(tally.chosen),
        "entry_refs": [
            without_nulls({"index": e.index, "id": e.entry_id, "status": e.status.value}) for e in references
        ],
        "completed_indices": list(tally.completed),
        "failed_indices": list(tally.failed),
        "pending_retry_indices": list(tally.queued),
        "removed_indices": list(tally.removed),
        "entry_errors": entry_errors(view, limit),
    }


_EMPTY: Final = ListTally(
    listed=0, received=0, completed=(), failed=(), queued=(), removed=(), chosen=(), current=None, errors=(),
    version=0,
)  # fmt: skip

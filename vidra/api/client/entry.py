"""A playlist entry as clients see it (contract, section 4.6), and the event about one."""

from __future__ import annotations

from typing import Any, Final

from vidra.api.client.progress import figures_object
from vidra.api.client.values import duration_text, text, whole, without_empties, without_nulls
from vidra.state.interface import Entry, EntryStatus, Job, JobProgress

_OVER: Final = frozenset(
    {EntryStatus.COMPLETED, EntryStatus.FAILED, EntryStatus.CANCELLED, EntryStatus.REMOVED}
)
_TEXTS: Final = (
    "uploader_id", "uploader_url", "channel_id", "channel_url", "availability", "live_status",
)  # fmt: skip


def entry_object(entry: Entry) -> dict[str, Any]:
    """Return the entry without its empty fields."""
    fields = {
        "index": entry.index,
        "id": entry.entry_id or entry.url,
        "title": entry.title,
        "uploader": entry.uploader,
        "channel": entry.channel,
        **{name: text(entry.extra.get(name)) for name in _TEXTS},
        "webpage_url": entry.url,
        "duration_seconds": whole(entry.duration),
        "duration_text": duration_text(entry.duration),
        "thumbnail_url": entry.thumbnail_url,
        "thumbnails": [{"url": entry.thumbnail_url}] if entry.thumbnail_url else None,
        "view_count": whole(entry.extra.get("view_count")),
        "status": entry.status.value,
        "main_file": entry.main_file,
        "is_completed": entry.status is EntryStatus.COMPLETED,
        "is_current": entry.status is EntryStatus.ACTIVE,
        "progress_snapshot": progress_snapshot(entry),
    }
    return without_empties(fields)


def progress_snapshot(entry: Entry) -> dict[str, Any] | None:
    """Return the entry's latest figures, None if there are none."""
    if entry.progress is None:
        return None
    figures = without_nulls(figures_object(entry.progress) | {"remaining_bytes": None})
    return figures | {"status": entry.status.value, "state": entry.status.value}


def error_object(entry: Entry, *, job: Job) -> dict[str, Any]:
    """Return why an entry failed, as `playlist_entry_errors` lists it."""
    fields = {
        "index": entry.index,
        "entry_id": entry.entry_id,
        "url": entry.url,
        "message": entry.error,
        "recorded_at": entry.error_at or job.finished_at,
        "last_status": entry.status.value,
        "pending_retry": entry.status is EntryStatus.QUEUED or None,
    }
    return without_nulls(fields)


def entry_progress(job: Job, entry: Entry, *, reason: str, timestamp: str) -> dict[str, Any]:
    """Return the payload of `playlist_entry_progress`."""
    done = 100.0 if entry.status is EntryStatus.COMPLETED else 0.0
    figures = entry.progress or JobProgress()
    fields = {
        "job_id": job.job_id,
        "playlist_index": entry.index,
        "playlist_entry_id": entry.entry_id,
        "state": entry.status.value,
        "status": entry.status.value,
        "job_status": job.status.value,
        **figures_object(figures),
        "percent": done if figures.percent is None else round(figures.percent, 2),
        "remaining_bytes": None,
        "message": entry.error or figures.message,
        "main_file": entry.main_file,
        "generated_files": list(entry.files) or None,
        "is_terminal": entry.status in _OVER,
        "is_active": entry.status is EntryStatus.ACTIVE,
        "reason": reason,
        "timestamp": timestamp,
    }
    stage = figures.stage or entry.status.value
    return without_nulls(fields | {"stage": stage, "stage_name": figures.stage_name or stage})

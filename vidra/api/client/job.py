"""The job object of the contract (section 4.4), in its short, plain and detailed forms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from vidra.api.client.playlist import compact_playlist, entry_errors, playlist_object
from vidra.api.client.preview import preview_object
from vidra.api.client.progress import progress_object
from vidra.api.client.values import shortened, text, whole, without_nulls
from vidra.api.client.view import JobView
from vidra.state.interface import ACTIVE, Job, JobKind, JobStatus, LogLine

_TEXTS: Final = (
    "playlist_id", "playlist_title", "title", "thumbnail_url", "webpage_url", "original_url",
    "preview_collected_at", "ctx_id",
)  # fmt: skip
LINE_LIMIT: Final = 16_000
"""Characters of a log line that clients are sent; the flow run's log has the rest."""
NOT_IDENTIFIED: Final = "No se pudo generar la vista previa: "
WAITING: Final = "waiting_user_confirmation"
_SHORT: Final = ("stage", "stage_name", "stage_status", "stage_percent", "percent", "message")


def job_object(view: JobView) -> dict[str, Any]:
    """Return the plain form: lists, updates and events."""
    job = view.job
    progress, preview, playlist = progress_object(view), preview_object(view), playlist_object(view)
    fields = {
        "job_id": job.job_id,
        "status": job.status.value,
        "kind": job.kind.value,
        "created_at": job.created_at,
        "creator": job.creator,
        "started_at": job.started_at,
        "finished_at": job.finished_at,
        "error": error_text(job),
        "progress": progress or None,
        "metadata": _metadata(view, preview),
        "preview": preview or None,
        "playlist": playlist or None,
        **_places(view),
        "status_hint": _status_hint(view),
        "options_version": view.options_version,
        "logs_version": view.logs_version,
        "options_external": True,
        "logs_external": True,
        "main_file": job.main_file if job.kind is not JobKind.PLAYLIST else None,
    }
    return without_nulls(fields)


def job_detail(view: JobView, options: Mapping[str, Any], logs: Sequence[LogLine]) -> dict[str, Any]:
    """Return the detailed form: with entries, options, the latest log lines and files."""
    fields = job_object(view)
    fields |= {
        "urls": list(view.job.urls),
        "options": dict(options),
        "logs": [log_line(line) for line in logs],
        "generated_files": generated_files(view) or None,
        "playlist_entry_errors": entry_errors(view) or None,
        "options_external": True if view.options_version is not None else None,
        "logs_external": True if view.logs_version is not None else None,
    }
    if view.is_list:
        fields["playlist"] = playlist_object(view, entries=view.listed, whole=True)
    return without_nulls(fields)


def error_text(job: Job) -> str | None:
    """Return why the job failed; one whose content was never identified says so as the contract does."""
    unknown = job.status is JobStatus.FAILED and job.kind is JobKind.UNKNOWN
    return f"{NOT_IDENTIFIED}{job.error}" if unknown and job.error else job.error


def short_job(view: JobView) -> dict[str, Any]:
    """Return what a job that was just created is answered with."""
    progress = progress_object(view)
    job = view.job
    fields = {"job_id": job.job_id, "status": job.status.value, "created_at": job.created_at}
    return without_nulls(fields | {name: progress.get(name) for name in _SHORT})


def log_line(line: LogLine) -> dict[str, Any]:
    """Return a log line as clients see it."""
    fields = line.model_dump(exclude={"version"})
    return without_nulls({**fields, "message": shortened(line.message, LINE_LIMIT) or ""})


def generated_files(view: JobView) -> list[str]:
    """Return every finished file of the job."""
    from_entries = [file for entry in view.entries or () for file in entry.files]
    return list(dict.fromkeys((*view.job.generated_files, *from_entries)))


def _metadata(view: JobView, preview: Mapping[str, Any]) -> dict[str, Any]:
    known = view.job.metadata
    fields: dict[str, Any] = {name: text(known.get(name)) for name in _TEXTS}
    fields |= {
        "description": shortened(known.get("description")),
        "is_playlist": None if view.job.kind is JobKind.UNKNOWN else view.is_list,
        "playlist_entry_count": whole(known.get("playlist_entry_count")),
        "requires_playlist_selection": view.job.selection_required,
        "preview": {name: value for name, value in preview.items() if name != "playlist"} or None,
        "playlist": compact_playlist(view) if view.is_list else None,
    }
    return without_nulls(fields)


def _places(view: JobView) -> dict[str, Any]:
    tally = view.tally
    if tally is None:
        return {}
    return {
        "playlist_failed_indices": list(tally.failed) or None,
        "playlist_pending_indices": list(tally.queued) or None,
        "playlist_removed_indices": list(tally.removed) or None,
    }


def _status_hint(view: JobView) -> str | None:
    job = view.job
    if job.selection_required and job.status is JobStatus.STARTING:
        return WAITING
    failed = view.progress.failed_items if view.progress else None
    return "running_with_errors" if failed and job.status in ACTIVE else None

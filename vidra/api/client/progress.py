"""The progress object of the contract (section 4.3), and the event that is made of it."""

from __future__ import annotations

from typing import Any, Final

from vidra.api.client.values import without_nulls
from vidra.api.client.view import JobView
from vidra.media.interface import Stage
from vidra.state.interface import ACTIVE, TERMINAL, EntryStatus, JobKind, JobProgress, JobStatus

IDENTIFYING_TEXT: Final = "Identificando el contenido"
_OWN_STATE: Final = frozenset(
    {JobStatus.PAUSED, JobStatus.CANCELLED, JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS}
)
_DONE: Final = frozenset({JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS})
_NOT_IN_EVENTS: Final = frozenset({"state", "main_file", "generated_files", "partial_files"})


def progress_object(view: JobView) -> dict[str, Any]:
    """Return the job's progress; empty when there is nothing to tell."""
    figures = view.progress or _first_figures(view)
    if figures is None:
        return {}
    job = view.job
    finished = job.status in _DONE
    fields = {
        "job_id": job.job_id,
        "status": _status(view, figures),
        "state": _state(view, figures),
        **figures_object(figures),
        "main_file": job.main_file,
        "generated_files": list(job.generated_files) or None,
    }
    if finished:
        fields |= {"stage": Stage.COMPLETED.value, "stage_name": Stage.COMPLETED.value, "percent": 100.0}
    return without_nulls(fields | _list_figures(view, figures))


def progress_event(view: JobView) -> dict[str, Any]:
    """Return the payload of the `progress` event."""
    return {name: value for name, value in progress_object(view).items() if name not in _NOT_IN_EVENTS}


def figures_object(figures: JobProgress) -> dict[str, Any]:
    """Return the figures by the contract's names; absent ones are None."""
    done, total = figures.downloaded_bytes, figures.total_bytes
    return {
        "percent": None if figures.percent is None else round(figures.percent, 2),
        "stage": figures.stage,
        "stage_name": figures.stage_name or figures.stage,
        "stage_percent": None if figures.stage_percent is None else round(figures.stage_percent, 2),
        "message": figures.message,
        "downloaded_bytes": done,
        "total_bytes": total,
        "remaining_bytes": None if done is None or total is None else max(0, total - done),
        "speed": figures.speed,
        "eta": figures.eta,
        "elapsed": figures.elapsed,
        "filename": figures.filename,
        "tmpfilename": figures.tmpfilename,
    }


def _first_figures(view: JobView) -> JobProgress | None:
    """Return what is told before the run says anything: the content is being identified."""
    if view.job.status in TERMINAL or view.job.kind is not JobKind.UNKNOWN:
        return None
    return JobProgress(
        stage=Stage.IDENTIFYING,
        stage_name=Stage.IDENTIFYING,
        percent=0.0,
        stage_percent=0.0,
        message=IDENTIFYING_TEXT,
    )


def _status(view: JobView, figures: JobProgress) -> str:
    working = view.job.status is JobStatus.RUNNING and figures.stage == Stage.DOWNLOADING
    return "downloading" if working else view.job.status.value


def _state(view: JobView, figures: JobProgress) -> str | None:
    if view.job.status in _OWN_STATE:
        return view.job.status.value
    return "running_with_errors" if view.job.status in ACTIVE and figures.failed_items else None


def _list_figures(view: JobView, figures: JobProgress) -> dict[str, Any]:
    if not view.is_list:
        return {}
    tally = view.tally
    total = tally.listed if tally else figures.total_items or view.job.total_items
    done = len(tally.completed) if tally else figures.completed_items
    if not total or total <= 1:
        return {}
    index = figures.current_index
    return {
        "current_item": index,
        "total_items": total,
        "playlist_index": index,
        "playlist_current_index": index,
        "playlist_count": total,
        "playlist_total_items": total,
        "playlist_completed_items": done,
        "playlist_pending_items": tally.pending if tally else None,
        "playlist_percent": tally.percent if tally else None,
        "playlist_current_entry_id": _entry_id(view, index),
    }


def _entry_id(view: JobView, index: int | None) -> str | None:
    current = view.tally.current if view.tally else None
    if current is not None and current.index == index:
        return current.entry_id
    found = (e for e in view.listed if e.index == index and e.status is not EntryStatus.REMOVED)
    return next((entry.entry_id for entry in found), None)

"""Reads what the Vidra 1.x back end left behind, so that the first start of this one continues there.

Its files stand where ours do, in shapes of their own (client contract, section 6). The journal calls
these functions for a file that is not one of ours, and keeps the original under a dated name.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from pydantic import ValidationError

from vidra.clock import Clock, iso

from .frame import Document, Tables
from .interface import DesiredState, Entry, EntryStatus, Job, JobKind, JobProgress, JobStatus, LogLine
from .naming import is_job_id
from .records import ENTRIES, JOBS, LINES, OPTIONS, PROGRESS, REVISION, to_document

PLAYLIST_KEY = "imported_playlist"
"""Key in an imported job's metadata: what 1.x knew of its entries, by index."""

_INTERRUPTED = frozenset({"running", "queued", "starting", "retrying"})
_SECRET_OPTION = re.compile(r"(?i)passw|passwd|secret|token|cookie|twofactor|netrc|api_?key|^headers?$")
_LISTS = ("completed_indices", "failed_indices", "removed_indices", "entry_errors")


@dataclass(kw_only=True, slots=True)
class ImportReport:
    """What became of a 1.x `download_state.json`."""

    jobs: int = 0
    resumable: list[str] = field(default_factory=list[str])
    """Jobs that were interrupted and wait in the queue now."""
    skipped: list[str] = field(default_factory=list[str])
    """One sentence for each record that could not be taken over."""


class JobsImport:
    """Turns the jobs of 1.x into ours; `report` says how that went, None while nothing was imported."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.report: ImportReport | None = None

    def __call__(self, content: object) -> Tables | None:
        """Return the tables; None if this is not a 1.x file."""
        records = content.get("jobs") if isinstance(content, dict) else content
        if not isinstance(records, list):
            return None
        report, jobs, progress = ImportReport(), dict[int, Document](), dict[int, Document]()
        seen: set[str] = set()
        for number, record in enumerate(records, start=1):
            reason = _refusal(record, seen)
            try:
                job = None if reason else self._job(record)
            except ValidationError as error:
                job, reason = None, str(error.errors()[0]["msg"])
            except ValueError as error:  # a kind that does not exist
                job, reason = None, str(error)
            if job is None:
                report.skipped.append(f"record {number}: {reason}")
                continue
            seen.add(job.job_id)
            jobs[number] = to_document(job)
            if figures := _figures(record.get("progress")):
                progress[number] = figures | {"job_id": job.job_id}
            if record.get("status") in _INTERRUPTED:
                report.resumable.append(job.job_id)
        report.jobs, self.report = len(jobs), report
        return {JOBS: jobs, PROGRESS: progress}

    def _job(self, record: Mapping[str, Any]) -> Job:
        waiting = bool(record.get("selection_required"))
        status, desired = _restored(str(record.get("status")), waiting=waiting)
        now = iso(self._clock.now())
        over = status in {JobStatus.COMPLETED, JobStatus.COMPLETED_WITH_ERRORS, JobStatus.FAILED}
        return Job(
            job_id=record["job_id"],
            urls=tuple(str(url) for url in record["urls"]),
            status=status,
            desired=desired,
            kind=JobKind(record.get("kind") or "unknown"),
            creator=record.get("creator"),
            created_at=_time(record.get("created_at")) or now,
            started_at=_time(record.get("started_at")),
            finished_at=_time(record.get("finished_at")) if over or status is JobStatus.CANCELLED else None,
            error=record.get("error"),
            metadata=_metadata(record),
            selection_required=waiting,
            main_file=record.get("main_file"),
            generated_files=tuple(str(path) for path in record.get("generated_files") or ()),
            total_items=record.get("playlist_total_items"),
        )


def entries_import(known: Mapping[str, Any] | None) -> Callable[[object], Tables | None]:
    """Return what reads a 1.x entries file; `known` is the job's metadata under `PLAYLIST_KEY`."""

    def adopt(content: object) -> Tables | None:
        records = content.get("entries") if isinstance(content, dict) else None
        if not isinstance(records, list):
            return None
        read = (_entry(record, known or {}) for record in records if isinstance(record, dict))
        return {ENTRIES: {entry.index: to_document(entry) for entry in read if entry}}

    return adopt


def options_import(content: object) -> Tables | None:
    """Read a 1.x options file, without the secrets that it holds in clear."""
    if not isinstance(content, dict) or not isinstance(content.get("options"), dict):
        return None
    options = {name: value for name, value in content["options"].items() if not _SECRET_OPTION.search(name)}
    return {OPTIONS: {1: {"version": 1, "revision": _revision(content), "options": options}}}


def logs_import(content: object) -> Tables | None:
    """Read a 1.x log file."""
    if not isinstance(content, dict) or not isinstance(content.get("logs"), list):
        return None
    lines = [_line(record) for record in content["logs"] if isinstance(record, dict)]
    documents = {number: to_document(line) for number, line in enumerate(lines, start=1)}
    return {LINES: documents, REVISION: {1: {"version": 1, "revision": _revision(content)}}}


def _refusal(record: object, seen: set[str]) -> str:
    if not isinstance(record, dict):
        return "not an object"
    job_id, urls = record.get("job_id"), record.get("urls")
    if not isinstance(job_id, str) or not is_job_id(job_id):
        return f"no usable job_id: {job_id!r}"
    if job_id in seen:
        return f"job_id {job_id} for the second time"
    return "" if isinstance(urls, list) and urls else f"job {job_id} has no urls"


def _restored(status: str, *, waiting: bool) -> tuple[JobStatus, DesiredState]:
    """Return where a job goes on: interrupted work is put back to work, a wish in progress is granted."""
    if waiting and status in _INTERRUPTED:
        return JobStatus.STARTING, DesiredState.RUN
    if status in _INTERRUPTED or status not in list(JobStatus):
        return JobStatus.QUEUED, DesiredState.RUN
    if status in {JobStatus.PAUSING, JobStatus.PAUSED}:
        return JobStatus.PAUSED, DesiredState.PAUSE
    if status in {JobStatus.CANCELLING, JobStatus.CANCELLED}:
        return JobStatus.CANCELLED, DesiredState.CANCEL
    return JobStatus(status), DesiredState.RUN


def _metadata(record: Mapping[str, Any]) -> dict[str, Any]:
    metadata = dict(record.get("metadata") or {})
    lists = {name: record[f"playlist_{name}"] for name in _LISTS if record.get(f"playlist_{name}")}
    return metadata | ({PLAYLIST_KEY: lists} if lists else {})


def _figures(progress: object) -> Document | None:
    if not isinstance(progress, dict):
        return None
    wanted = {name: progress[name] for name in JobProgress.model_fields if progress.get(name) is not None}
    whole = {"downloaded_bytes", "total_bytes", "eta"}  # 1.x kept these as floats
    wanted = {name: int(value) if name in whole else value for name, value in wanted.items()}
    try:
        return to_document(JobProgress(**{**wanted, "version": 1}))
    except ValidationError:
        return None  # figures of a run that is over are worth nothing but their looks


def _entry(record: Mapping[str, Any], known: Mapping[str, Any]) -> Entry | None:
    index, url = record.get("index"), record.get("webpage_url") or record.get("url") or record.get("id")
    if not isinstance(index, int) or index < 1 or not url:
        return None
    taken = {"index", "id", "webpage_url", "url", "title", "status", "duration_seconds"}
    taken |= {"thumbnail_url", "uploader", "channel", "main_file", "progress_snapshot", "is_current"}
    errors = [e for e in known.get("entry_errors", ()) if isinstance(e, dict) and e.get("index") == index]
    return Entry(
        index=index,
        entry_id=_text(record.get("id")),
        url=str(url),
        title=_text(record.get("title")),
        status=_entry_status(record, index, known),
        error=_text(errors[-1].get("message")) if errors else None,
        error_at=_text(errors[-1].get("recorded_at")) if errors else None,
        duration=record.get("duration_seconds"),
        thumbnail_url=_text(record.get("thumbnail_url")),
        uploader=_text(record.get("uploader")),
        channel=_text(record.get("channel")),
        main_file=_text(record.get("main_file")),
        files=(str(record["main_file"]),) if record.get("main_file") else (),
        extra={name: value for name, value in record.items() if name not in taken},
    )


def _entry_status(record: Mapping[str, Any], index: int, known: Mapping[str, Any]) -> EntryStatus:
    if index in known.get("removed_indices", ()) or record.get("status") == "removed":
        return EntryStatus.REMOVED
    if index in known.get("failed_indices", ()) or record.get("status") == "failed":
        return EntryStatus.FAILED
    done = record.get("is_completed") or record.get("status") in {"completed", "completed_with_errors"}
    return (
        EntryStatus.COMPLETED if done or index in known.get("completed_indices", ()) else EntryStatus.PENDING
    )


def _line(record: Mapping[str, Any]) -> LogLine:
    return LogLine(
        timestamp=str(record.get("timestamp") or ""),
        level=str(record.get("level") or "info"),
        message=str(record.get("message") or ""),
    )


def _revision(content: Mapping[str, Any]) -> int:
    version = content.get("version")
    return version if isinstance(version, int) else 1


def _text(value: object) -> str | None:
    return str(value) if value not in {None, ""} else None


def _time(value: object) -> str | None:
    """Return the time in our form; 1.x wrote ISO-8601, without a zone meaning UTC."""
    try:
        moment = datetime.fromisoformat(str(value))
    except ValueError:
        return None
    return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))

"""One JSON object a line, for programs; the shapes are documented in `docs/cli.md` and never lose a key."""

from __future__ import annotations

import json
import threading
from collections.abc import Mapping
from typing import Any, Final, TextIO, assert_never

from vidra.cli.progress.board import Board
from vidra.cli.progress.changes import (
    Change,
    EntryChanged,
    JobChanged,
    LogAppended,
    Notice,
    ProgressChanged,
)
from vidra.cli.progress.interface import Renderer
from vidra.clock import Clock, iso
from vidra.redaction import redact, redact_url
from vidra.state.interface import Entry, Job, JobProgress, LogLine

FIGURES: Final = (
    "stage",
    "stage_name",
    "percent",
    "stage_percent",
    "downloaded_bytes",
    "total_bytes",
    "speed",
    "eta",
    "elapsed",
)
"""Keys of a progress record that every event with figures carries."""

EVENTS: Final[Mapping[str, tuple[str, ...]]] = {
    "notice": ("message",),
    "job": (
        "job_id",
        "status",
        "kind",
        "urls",
        "title",
        "error",
        "total_items",
        "main_file",
        "created_at",
        "started_at",
        "finished_at",
    ),
    "progress": ("job_id", *FIGURES, "message", "total_items", "completed_items", "failed_items"),
    "entry": (
        "job_id",
        "index",
        "entry_id",
        "title",
        "url",
        "status",
        *FIGURES,
        "size",
        "duration",
        "main_file",
        "files",
        "error",
    ),
    "log": ("job_id", "timestamp", "level", "message", "index"),
    "summary": ("entries", "completed", "failed", "bytes", "elapsed"),
}
"""Keys of each event besides `event` and `time`; every key is always there, null when unknown."""


def describe(change: Change) -> dict[str, Any]:
    """Return the event of a change, without its time."""
    match change:
        case Notice(text=text):
            return _event("notice", message=redact(text))
        case JobChanged(job=job):
            return _job(job)
        case ProgressChanged(job_id=job_id, progress=progress):
            return _event("progress", job_id=job_id, **progress.model_dump(exclude={"version"}))
        case EntryChanged(job_id=job_id, entry=entry):
            return _entry(job_id, entry)
        case LogAppended(job_id=job_id, line=line):
            return _log(job_id, line)
        case never:
            assert_never(never)


def _event(name: str, **facts: object) -> dict[str, Any]:
    return {"event": name, **{key: facts.get(key) for key in EVENTS[name]}}


def _job(job: Job) -> dict[str, Any]:
    facts = job.model_dump(mode="json", exclude={"metadata"})
    title = job.metadata.get("title") or job.metadata.get("playlist_title")
    urls = [redact_url(url) for url in job.urls]
    return _event("job", **{**facts, "urls": urls, "title": title, "error": job.error and redact(job.error)})


def _entry(job_id: str, entry: Entry) -> dict[str, Any]:
    progress = (entry.progress or JobProgress()).model_dump(include=set(FIGURES))
    facts = entry.model_dump(mode="json", exclude={"progress", "extra", "url", "error"})
    error = entry.error and redact(entry.error)
    return _event("entry", job_id=job_id, url=redact_url(entry.url), error=error, **{**progress, **facts})


def _log(job_id: str, line: LogLine) -> dict[str, Any]:
    return _event(
        "log",
        job_id=job_id,
        timestamp=line.timestamp,
        level=line.level,
        message=redact(line.message),
        index=line.playlist_index,
    )


class JsonRenderer(Renderer):
    """Prints every change as it comes, and a `summary` as the last line."""

    def __init__(self, out: TextIO, *, clock: Clock) -> None:
        self._out, self._clock, self._lock = out, clock, threading.Lock()
        self._board, self._began = Board(), clock.monotonic()

    def show(self, change: Change) -> None:
        """Print the change."""
        with self._lock:
            self._board.apply(change)
            self._print(describe(change))

    def finish(self) -> None:
        """Print the totals."""
        with self._lock:
            totals = self._board.totals()
            self._print(
                _event(
                    "summary",
                    entries=totals.entries,
                    completed=totals.completed,
                    failed=totals.failed,
                    bytes=totals.bytes,
                    elapsed=round(self._clock.monotonic() - self._began, 3),
                )
            )

    def _print(self, event: dict[str, Any]) -> None:
        event = {"event": event.pop("event"), "time": iso(self._clock.now()), **event}
        # ASCII only: U+2028 in a title would end the line for readers that split like Python does.
        self._out.write(json.dumps(event) + "\n")
        self._out.flush()

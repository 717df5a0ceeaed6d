"""Jobs as lines for a person and as objects for a program; pure functions over records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidra.cli.columns import columns, output_width
from vidra.cli.progress.sentences import entry_label, entry_state, figures, job_name
from vidra.cli.progress.wording import clean, duration, percent
from vidra.redaction import redact, redact_url
from vidra.state.interface import Entry, EntryStatus, Job, JobProgress, LogLine

HEADER = ("JOB", "STATUS", "DONE", "CREATED", "TITLE")


def job_row(job: Job, progress: JobProgress | None) -> tuple[str, ...]:
    """Return the cells of one job under `HEADER`."""
    return (job.job_id, job.status.value, _done(job, progress), _moment(job.created_at), job_name(job))


def _moment(text: str | None) -> str:
    """Return `2026-11-20 20:21:59Z` for a stored time."""
    return "" if text is None else f"{text[:19].replace('T', ' ')}Z"


def _done(job: Job, progress: JobProgress | None) -> str:
    total = job.total_items or (progress and progress.total_items) or 0
    if progress is not None and total > 1 and progress.completed_items is not None:
        return f"{progress.completed_items}/{total}"
    return "" if progress is None or progress.percent is None else percent(progress.percent).strip()


def job_json(job: Job, progress: JobProgress | None) -> dict[str, Any]:
    """Return the job as an object; keys as in the stored record, and its `progress`."""
    facts = job.model_dump(mode="json", exclude={"version"})
    facts["urls"] = [redact_url(url) for url in job.urls]
    facts["error"] = job.error and redact(job.error)
    facts["progress"] = None if progress is None else progress.model_dump(mode="json", exclude={"version"})
    return facts


def entry_json(entry: Entry) -> dict[str, Any]:
    """Return the entry as an object; keys as in the stored record."""
    facts = entry.model_dump(mode="json", exclude={"version"})
    if entry.progress is not None:
        facts["progress"].pop("version")
    facts["url"] = redact_url(entry.url)
    facts["error"] = entry.error and redact(entry.error)
    return facts


def job_lines(
    job: Job, progress: JobProgress | None, entries: Sequence[Entry], options: Mapping[str, Any]
) -> Iterator[str]:
    """Yield the page of `vidra job show`: facts, how the entries stand, and what failed."""
    facts = {
        "job": job.job_id,
        "title": job_name(job),
        "status": job.status.value,
        "error": clean(job.error) if job.error else "",
        "now": figures(progress) if progress and not job.finished_at else "",
        "preset": job.preset or "",
        "owner": clean(job.creator) if job.creator else "",
        "created": _moment(job.created_at),
        "started": _moment(job.started_at),
        "finished": _moment(job.finished_at),
        "attempts": str(job.attempt),
        "selection": how_to_choose(job) if job.selection_required else job.selection or "",
        "entries": _tally(entries),
    }
    yield from (f"{name:<10} {value}" for name, value in facts.items() if value)
    yield from (f"{'url':<10} {clean(redact_url(url))}" for url in job.urls)
    yield from (f"{'option':<10} {clean(f'{key} = {value}')}" for key, value in sorted(options.items()))
    yield from (f"{'file':<10} {clean(path)}" for path in _files(job, entries))
    yield from (
        f"{'failed':<10} {entry_label(entry, len(entries))}: {entry_state(entry)}"
        for entry in entries
        if entry.status is EntryStatus.FAILED
    )
    if job.selection_required:
        yield from choice_lines(entries)


def how_to_choose(job: Job) -> str:
    """Return what a person types for a list that waits for a choice."""
    return (
        f"waits for a choice: `vidra job select {job.job_id} 1-3,7`, or `all`; "
        f"`vidra job cancel {job.job_id}` forgets it"
    )


def choice_lines(entries: Sequence[Entry]) -> list[str]:
    """Return the entries of a list as a table to choose from."""
    rows = [
        (
            str(entry.index),
            clean(entry.title or entry.url),
            "" if entry.duration is None else duration(entry.duration),
            str(entry.extra.get("upload_date") or ""),
        )
        for entry in entries
    ]
    return columns(("PLACE", "TITLE", "LENGTH", "PUBLISHED"), rows, width=output_width())


def _tally(entries: Sequence[Entry]) -> str:
    counts = Counter(entry.status for entry in entries)
    return ", ".join(f"{counts[status]} {status.value}" for status in EntryStatus if counts[status])


def _files(job: Job, entries: Sequence[Entry]) -> list[str]:
    """Return each media file once: those of the entries, or the job's own."""
    mine = [entry.main_file for entry in entries if entry.main_file]
    return list(dict.fromkeys(mine or ([job.main_file] if job.main_file else [])))


def log_text(line: LogLine) -> str:
    """Return the line for a person: time, level, entry, message."""
    place = f" [{line.playlist_index}]" if line.playlist_index else ""
    return f"{_moment(line.timestamp)} {line.level:<7}{place} {clean(line.message)}"


def log_json(line: LogLine) -> dict[str, Any]:
    """Return the line as an object; keys as in the stored record."""
    return {**line.model_dump(mode="json", exclude={"version"}), "message": redact(line.message)}

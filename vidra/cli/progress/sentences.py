"""Lines of text about records: what the plain display prints and the live one leaves behind."""

from __future__ import annotations

from typing import Final, assert_never

from vidra.cli.progress.board import Totals
from vidra.cli.progress.wording import clean, count, duration, percent, size, speed, stage_words
from vidra.redaction import redact_url
from vidra.state.interface import Entry, EntryStatus, Job, JobProgress, JobStatus

MEASURED: Final = frozenset({"", "downloading", "downloaded"})
"""Stages whose bytes and percentage say something; the others keep those of the download."""


def entry_name(entry: Entry) -> str:
    """Return the entry's title, or its address while the title is unknown."""
    return clean(entry.title or redact_url(entry.url)) or f"entry {entry.index}"


def entry_label(entry: Entry, total: int) -> str:
    """Return `[3/20] Title`; the place is left out where there is only one."""
    return f"[{entry.index}/{total}] {entry_name(entry)}" if total > 1 else entry_name(entry)


def plan_line(entry: Entry) -> str:
    """Return the line of a dry run; how many there are is not known before the last one."""
    return f"would download {entry.index}: {entry_name(entry)}"


def entry_state(entry: Entry) -> str:
    """Return where the entry stands, as the end of a line: `done, 27.1 MiB, /path`."""
    match entry.status:
        case EntryStatus.COMPLETED:
            facts = [size(entry.size) if entry.size else None, entry.main_file and clean(entry.main_file)]
            return ", ".join(["done", *(fact for fact in facts if fact)])
        case EntryStatus.FAILED:
            return f"failed: {clean(entry.error or 'no reason given')}"
        case EntryStatus.ACTIVE:
            return figures(entry.progress) or "started"
        case EntryStatus.PENDING | EntryStatus.QUEUED | EntryStatus.CANCELLED | EntryStatus.REMOVED as status:
            return status.value
        case never:
            assert_never(never)


def figures(progress: JobProgress | None) -> str:
    """Return `downloading 25 % (12.3 of 27.1 MiB, 2.1 MiB/s, 0:07 left)`, as far as known."""
    if progress is None:
        return ""
    words = [stage_words(progress.stage, progress.stage_name)]
    if words[0] not in MEASURED:
        return words[0]
    if progress.percent is not None:
        words.append(percent(progress.percent).strip())
    facts = []
    if progress.downloaded_bytes is not None:
        whole = f" of {size(progress.total_bytes)}" if progress.total_bytes else ""
        facts.append(size(progress.downloaded_bytes) + whole)
    if progress.speed:
        facts.append(speed(progress.speed))
    if progress.eta is not None:
        facts.append(f"{duration(progress.eta)} left")
    if facts:
        words.append(f"({', '.join(facts)})")
    return " ".join(word for word in words if word)


def job_name(job: Job) -> str:
    """Return what a person calls the job: its title, else its first address."""
    title = job.metadata.get("title") or job.metadata.get("playlist_title")
    more = f" (+{len(job.urls) - 1})" if len(job.urls) > 1 else ""
    return clean(str(title)) if title else clean(redact_url(job.urls[0])) + more if job.urls else job.job_id


def job_state(job: Job) -> str:
    """Return `job <id>: running`, with the reason when it failed."""
    words = "completed with errors" if job.status is JobStatus.COMPLETED_WITH_ERRORS else job.status.value
    reason = f": {clean(job.error)}" if job.error else ""
    return f"job {job.job_id}: {words}{reason}"


def totals_line(totals: Totals) -> str:
    """Return `2 of 20 done, 1 failed, 45.0 MiB`."""
    facts = [f"{totals.completed} of {count(totals.entries, 'entry', 'entries')} done"]
    if totals.failed:
        facts.append(f"{totals.failed} failed")
    facts.append(size(totals.bytes))
    return ", ".join(facts)


def closing_line(totals: Totals, seconds: float, *, dry_run: bool) -> str:
    """Return the last line of a run: `19 of 20 entries done, 1 failed, 512.0 MiB in 3:02`."""
    if dry_run:
        return f"{count(totals.entries, 'entry', 'entries')} would be downloaded"
    return f"{totals_line(totals)} in {duration(seconds)}"

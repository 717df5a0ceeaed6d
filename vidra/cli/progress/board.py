"""What is known about the jobs on display, kept up to date change by change."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

from vidra.cli.progress.changes import Change, EntryChanged, JobChanged, ProgressChanged
from vidra.state.interface import Entry, EntryStatus, Job, JobProgress


@dataclass(frozen=True, kw_only=True, slots=True)
class Totals:
    """Sums over a job or over all of them. Bytes; speed in bytes a second; `eta` in seconds."""

    entries: int
    completed: int
    failed: int
    bytes: int
    speed: float | None
    eta: int | None
    percent: float | None
    """0 – 100; finished entries count whole, active ones by their own percentage."""


@dataclass(kw_only=True, slots=True)
class JobBoard:
    """One job: its record, its figures and its entries by index."""

    job: Job | None = None
    progress: JobProgress | None = None
    entries: dict[int, Entry] = field(default_factory=dict)
    active: dict[int, Entry] = field(default_factory=dict)
    tally: Counter[EntryStatus] = field(default_factory=Counter)
    finished_bytes: int = 0

    def put(self, entry: Entry) -> None:
        """Take the entry's latest record; O(1), whatever the length of the list."""
        before = self.entries.get(entry.index)
        if before is not None:
            self.tally[before.status] -= 1
            self.finished_bytes -= _finished_bytes(before)
        self.entries[entry.index] = entry
        self.tally[entry.status] += 1
        self.finished_bytes += _finished_bytes(entry)
        if entry.status is EntryStatus.ACTIVE:
            self.active[entry.index] = entry
        else:
            self.active.pop(entry.index, None)

    def totals(self) -> Totals:
        """Sum up; costs as much as there are active entries."""
        figures = [entry.progress for entry in self.active.values() if entry.progress is not None]
        own = self.progress
        speeds = [figure.speed for figure in figures if figure.speed is not None]
        return Totals(
            entries=self._expected(),
            completed=self.tally[EntryStatus.COMPLETED],
            failed=self.tally[EntryStatus.FAILED],
            bytes=self.finished_bytes + sum(figure.downloaded_bytes or 0 for figure in figures),
            speed=sum(speeds) if speeds else None if own is None else own.speed,
            eta=None if own is None else own.eta,
            percent=self._percent(figures),
        )

    def _expected(self) -> int:
        announced = (self.job.total_items if self.job else None, self.progress and self.progress.total_items)
        known = len(self.entries) - self.tally[EntryStatus.REMOVED]
        return max([known, *(number for number in announced if number)])

    def _percent(self, figures: list[JobProgress]) -> float | None:
        expected = self._expected()
        if not expected:
            return None if self.progress is None else self.progress.percent
        over = self.tally[EntryStatus.COMPLETED] + self.tally[EntryStatus.FAILED]
        partly = sum(figure.percent or 0.0 for figure in figures) / 100
        return min(100.0, 100.0 * (over + partly) / expected)


def _finished_bytes(entry: Entry) -> int:
    return entry.size or 0 if entry.status is EntryStatus.COMPLETED else 0


class Board:
    """All jobs on display, in the order they appeared."""

    def __init__(self) -> None:
        self.jobs: dict[str, JobBoard] = {}

    def apply(self, change: Change) -> None:
        """Take note of a change; notices and log lines leave no trace here."""
        match change:
            case JobChanged(job=job):
                self._of(job.job_id).job = job
            case ProgressChanged(job_id=job_id, progress=progress):
                self._of(job_id).progress = progress
            case EntryChanged(job_id=job_id, entry=entry):
                self._of(job_id).put(entry)
            case _:
                pass

    def _of(self, job_id: str) -> JobBoard:
        return self.jobs.setdefault(job_id, JobBoard())

    def active(self) -> Iterator[Entry]:
        """Yield the entries that are being worked on, job by job, in the order they started."""
        for board in self.jobs.values():
            yield from board.active.values()

    def totals(self) -> Totals:
        """Sum over all jobs; `eta` is the longest one's."""
        parts = [board.totals() for board in self.jobs.values()]
        entries = sum(part.entries for part in parts)
        speeds = [part.speed for part in parts if part.speed is not None]
        etas = [part.eta for part in parts if part.eta is not None]
        weighted = sum((part.percent or 0.0) * (part.entries or 1) for part in parts)
        return Totals(
            entries=entries,
            completed=sum(part.completed for part in parts),
            failed=sum(part.failed for part in parts),
            bytes=sum(part.bytes for part in parts),
            speed=sum(speeds) if speeds else None,
            eta=max(etas, default=None),
            percent=weighted / sum(part.entries or 1 for part in parts) if parts else None,
        )

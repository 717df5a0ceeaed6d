"""A line per change of state, for pipes, log files and cron mail."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from typing import Final, TextIO

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
from vidra.cli.progress.sentences import (
    MEASURED,
    closing_line,
    entry_label,
    entry_state,
    job_name,
    job_state,
    plan_line,
)
from vidra.cli.progress.wording import clean, stage_words
from vidra.clock import Clock
from vidra.state.interface import Entry, EntryStatus, Job, LogLine

PERCENT_STEP: Final = 10
"""A line for every so many per cent, at most."""
SECONDS_BETWEEN: Final = 5.0
"""And at most one in so many seconds for the same entry."""

_TOLD: Final = frozenset(
    {EntryStatus.ACTIVE, EntryStatus.COMPLETED, EntryStatus.FAILED, EntryStatus.CANCELLED}
)
_LOUD: Final = frozenset({"warning", "error"})


class PlainRenderer(Renderer):
    """Prints what changed and nothing twice; percentages are throttled."""

    def __init__(self, out: TextIO, *, clock: Clock, verbose: bool = False, dry_run: bool = False) -> None:
        self._out, self._clock, self._verbose = out, clock, verbose
        self._told = _TOLD | {EntryStatus.PENDING} if dry_run else _TOLD
        self._dry_run = dry_run
        self._board, self._lock, self._began = Board(), threading.Lock(), clock.monotonic()
        self._said: dict[tuple[str, int], tuple[object, ...]] = {}
        self._ticks: dict[tuple[str, int], tuple[int, float]] = {}
        self._jobs: dict[str, str] = {}

    def show(self, change: Change) -> None:
        """Print the change if it is news."""
        with self._lock:
            self._board.apply(change)
            for line in self._lines(change):
                self._out.write(line + "\n")
            self._out.flush()

    def finish(self) -> None:
        """Print the totals."""
        with self._lock:
            if self._board.jobs:
                seconds = self._clock.monotonic() - self._began
                words = closing_line(self._board.totals(), seconds, dry_run=self._dry_run)
                self._out.write(words + "\n")
                self._out.flush()

    def _lines(self, change: Change) -> Iterator[str]:
        match change:
            case Notice(text=text):
                yield clean(text)
            case JobChanged(job=job):
                yield from self._job_lines(job)
            case EntryChanged(job_id=job_id, entry=entry):
                yield from self._entry_lines(job_id, entry)
            case LogAppended(line=line):
                yield from self._log_lines(line)
            case ProgressChanged(job_id=job_id, progress=progress):
                yield from self._stage_lines(job_id, stage_words(progress.stage, progress.stage_name))

    def _job_lines(self, job: Job) -> Iterator[str]:
        line = job_state(job)
        if job.job_id not in self._jobs:
            yield f"job {job.job_id}: {job_name(job)}"
        if self._jobs.get(job.job_id) != line:
            yield line
        self._jobs[job.job_id] = line

    def _stage_lines(self, job_id: str, stage: str) -> Iterator[str]:
        """Tell the job's own stage while no entry tells more."""
        key = (job_id, 0)
        if stage and not self._board.jobs[job_id].entries and self._said.get(key) != (stage,):
            self._said[key] = (stage,)
            yield f"job {job_id}: {stage}"

    def _entry_lines(self, job_id: str, entry: Entry) -> Iterator[str]:
        if entry.status not in self._told or not self._is_news(job_id, entry):
            return
        if entry.status is EntryStatus.PENDING:
            yield plan_line(entry)
        else:
            total = self._board.jobs[job_id].totals().entries
            yield f"{entry_label(entry, total)}: {entry_state(entry)}"

    def _is_news(self, job_id: str, entry: Entry) -> bool:
        key, progress = (job_id, entry.index), entry.progress
        stage = stage_words(progress.stage, progress.stage_name) if progress else ""
        news = (entry.status, stage if entry.status is EntryStatus.ACTIVE else entry.main_file or entry.error)
        now, step = self._clock.monotonic(), int((progress and progress.percent) or 0) // PERCENT_STEP
        if entry.status is EntryStatus.ACTIVE and stage == "done":
            return False  # the record that says so comes at once, with the file's path
        if self._said.get(key) != news:
            self._said[key], self._ticks[key] = news, (step, now)
            return True
        last_step, last_time = self._ticks[key]
        if entry.status is not EntryStatus.ACTIVE or stage not in MEASURED:
            return False
        if step <= last_step or now - last_time < SECONDS_BETWEEN:
            return False
        self._ticks[key] = (step, now)
        return True

    def _log_lines(self, line: LogLine) -> Iterator[str]:
        if self._verbose or line.level in _LOUD:
            yield f"{line.level}: {clean(line.message)}"

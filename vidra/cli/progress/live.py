"""Bars that move in place: one per entry at work, totals below, finished entries left behind above."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Final, Self

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from vidra.cli.progress.bars import draw, entry_row, totals_row
from vidra.cli.progress.board import Board
from vidra.cli.progress.changes import Change, EntryChanged, JobChanged, LogAppended, Notice
from vidra.cli.progress.interface import Renderer
from vidra.cli.progress.sentences import (
    closing_line,
    entry_label,
    entry_state,
    job_name,
    job_state,
    plan_line,
)
from vidra.cli.progress.wording import clean, duration, shorten, stage_words
from vidra.clock import Clock
from vidra.state.interface import Entry, EntryStatus, Job, JobStatus

REFRESH_PER_SECOND: Final = 8
MOST_BARS: Final = 12
_LINES_BESIDE: Final = 4
"""Totals, the `more` line and the cursor's line: kept free of bars in a low terminal."""

_MARKS: Final = {
    EntryStatus.COMPLETED: ("✓", "green"),
    EntryStatus.FAILED: ("✗", "red"),
    EntryStatus.CANCELLED: ("-", "yellow"),
}
_LOUD: Final = {"warning": "yellow", "error": "red"}


class LiveRenderer(Renderer):
    """Redraws a few lines at a fixed rate, however fast changes come and however long the list is."""

    def __init__(
        self, console: Console, *, clock: Clock, verbose: bool = False, dry_run: bool = False
    ) -> None:
        self._console, self._clock, self._verbose, self._dry_run = console, clock, verbose, dry_run
        self._board, self._lock, self._began = Board(), threading.RLock(), clock.monotonic()
        self._left_behind: set[tuple[str, int, EntryStatus]] = set()
        self._jobs: dict[str, JobStatus] = {}
        self._live = Live(
            console=console,
            get_renderable=self.frame,
            refresh_per_second=REFRESH_PER_SECOND,
            transient=True,
        )

    def __enter__(self) -> Self:
        """Start redrawing."""
        self._live.start(refresh=False)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Remove the bars and show the cursor again."""
        self._live.stop()

    def show(self, change: Change) -> None:
        """Take note; only what stays on the screen is printed at once."""
        with self._lock:
            self._board.apply(change)
            lines = list(self._lasting(change))
        for line in lines:
            self._console.print(line)

    def finish(self) -> None:
        """Remove the bars and print the totals."""
        self._live.stop()
        if self._board.jobs:
            words = closing_line(self._board.totals(), self._elapsed(), dry_run=self._dry_run)
            self._console.print(Text(words, style="bold"))

    def frame(self) -> RenderableType:
        """Return the lines to draw now: the entries at work, how many more there are, and the totals."""
        with self._lock:
            active = list(self._board.active())
            room = max(1, min(MOST_BARS, self._console.height - _LINES_BESIDE))
            lines = [self._draw(entry) for entry in active[:room]]
            if len(active) > room:
                lines.append(Text(f"{self._ellipsis} and {len(active) - room} more", style="dim"))
            lines.extend(self._totals(len(active)))
        return Group(*lines)

    @property
    def _ascii(self) -> bool:
        return not self._console.encoding.lower().startswith("utf")

    @property
    def _ellipsis(self) -> str:
        return "..." if self._ascii else "…"

    def _draw(self, entry: Entry) -> Text:
        return draw(entry_row(entry), self._console.width, ascii_only=self._ascii)

    def _totals(self, at_work: int) -> Iterator[Text]:
        totals = self._board.totals()
        if totals.entries > 1:
            yield draw(totals_row(totals), self._console.width, ascii_only=self._ascii)
        elif not at_work:
            words = " ".join([self._stage() or "working", self._ellipsis, duration(self._elapsed())])
            yield Text(shorten(words, self._console.width), style="dim")

    def _elapsed(self) -> float:
        return self._clock.monotonic() - self._began

    def _stage(self) -> str:
        stages = (
            stage_words(board.progress.stage, board.progress.stage_name)
            for board in self._board.jobs.values()
            if board.progress is not None
        )
        return next((stage for stage in stages if stage), "")

    def _lasting(self, change: Change) -> Iterator[Text]:
        match change:
            case Notice(text=text):
                yield Text(clean(text), style="dim")
            case JobChanged(job=job):
                yield from self._job_lines(job)
            case EntryChanged(job_id=job_id, entry=entry):
                yield from self._entry_lines(job_id, entry)
            case LogAppended(line=line) if self._verbose or line.level in _LOUD:
                yield Text(f"{line.level}: {clean(line.message)}", style=_LOUD.get(line.level, "dim"))
            case _:
                pass

    def _job_lines(self, job: Job) -> Iterator[Text]:
        if job.job_id not in self._jobs:
            yield Text(f"job {job.job_id}: {job_name(job)}", style="bold")
        elif job.status is not self._jobs[job.job_id] and job.status in {JobStatus.FAILED, JobStatus.PAUSED}:
            yield Text(job_state(job), style="red" if job.status is JobStatus.FAILED else "yellow")
        self._jobs[job.job_id] = job.status

    def _entry_lines(self, job_id: str, entry: Entry) -> Iterator[Text]:
        key = (job_id, entry.index, entry.status)
        planned = self._dry_run and entry.status is EntryStatus.PENDING
        if key in self._left_behind or not (planned or entry.status in _MARKS):
            return
        self._left_behind.add(key)
        if planned:
            yield Text(plan_line(entry))
            return
        mark, style = _MARKS[entry.status]
        total = self._board.jobs[job_id].totals().entries
        line = Text("* " if self._ascii else f"{mark} ", style=style)
        yield line.append(f"{entry_label(entry, total)}: {entry_state(entry)}", style="default")

"""Carries what happens to a job into its state and logs, from any thread, without drowning either."""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass, field

from tasks.outbox import Outbox
from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.errors import SitePaused, VidraError
from vidra.media.interface import DownloadedMedia, LogLevel, Progress, Stage
from vidra.redaction import redact
from vidra.state import State
from vidra.state.interface import Entry, EntryStatus, JobProgress, LogLine

RunLogger = logging.Logger | logging.LoggerAdapter[logging.Logger]
"""What Prefect hands out."""

TICK_SECONDS = 0.25
"""Shortest time between two stored ticks of an entry: clients are promised at most four a second."""

_PREFECT_LEVELS = {
    LogLevel.DEBUG: logging.DEBUG,
    LogLevel.INFO: logging.INFO,
    LogLevel.WARNING: logging.WARNING,
    LogLevel.ERROR: logging.ERROR,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class RunTally:
    """Places of the entries that this run was done with; what earlier runs did is not in it."""

    downloaded: set[int] = field(default_factory=set)
    failed: set[int] = field(default_factory=set)
    taken_over: set[int] = field(default_factory=set)
    """Another list had them downloaded meanwhile."""


class JobReporter:
    """Writes one job's progress, entry results and log lines; every method is safe between threads.

    Texts are redacted here, so nothing behind this class sees a secret. A tick costs the same
    however many entries the job has.
    """

    def __init__(
        self, state: State, job_id: str, *, run_logger: RunLogger, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._state, self._job_id, self._logger, self._clock = state, job_id, run_logger, clock
        self._entries = state.entries(job_id)
        self._outbox = Outbox(state, job_id, clock=clock)
        self._lock = threading.Lock()
        self._percent: dict[int, float] = {}
        self._last_tick: dict[int, tuple[float, Stage]] = {}
        self._total = self._done_before = 0
        self.tally = RunTally()

    def begin(self, entries: Sequence[Entry]) -> None:
        """Count what there is to do; entries that are completed already count as done."""
        with self._lock:
            self._total = len(entries)
            self._done_before = sum(entry.status is EntryStatus.COMPLETED for entry in entries)

    def stage(self, stage: Stage, message: str) -> None:
        """Say what the job as a whole is doing."""
        self._outbox.set_figures(JobProgress(stage=stage, stage_name=stage, message=message, percent=0.0))

    def log(
        self, level: LogLevel, message: str, *, entry: Entry | None = None, tells_run: bool = True
    ) -> None:
        """Store the line with the job, and hand it to Prefect's run log unless that is not to be told."""
        text = redact(message)
        line = LogLine(
            timestamp=iso(self._clock.now()),
            level=level,
            message=text,
            playlist_index=entry.index if entry else None,
            playlist_entry_id=entry.entry_id if entry else None,
        )
        self._outbox.add_line(line)
        if tells_run:
            self._logger.log(_PREFECT_LEVELS[level], "%s%s", f"[{entry.index}] " if entry else "", text)

    def tick(self, entry: Entry, progress: Progress) -> None:
        """Store an entry's figures and the job's, unless the last ones are younger than a tick."""
        with self._lock:
            now = self._clock.monotonic()
            last = self._last_tick.get(entry.index)
            self._percent[entry.index] = progress.percent or 0.0
            if last and last[1] is progress.stage and now - last[0] < TICK_SECONDS:
                return
            self._last_tick[entry.index] = (now, progress.stage)
        figures = _figures(progress)
        self._store_job_progress(entry, figures, of_entry=figures)

    def started(self, entry: Entry) -> None:
        """Mark the entry as being worked on; what an earlier attempt left behind is cleared."""
        self._outbox.drop_figures(entry.index)
        self._entries.update(
            entry.index, durable=False, status=EntryStatus.ACTIVE, error=None, error_at=None, progress=None
        )

    def waiting(self, entry: Entry, paused: SitePaused) -> None:
        """Say that the entry waits for a site that is left alone; it has not failed."""
        self._outbox.drop_figures(entry.index)
        self._entries.update(
            entry.index, status=EntryStatus.PENDING, error=redact(str(paused)), progress=None
        )
        self.log(LogLevel.INFO, f"waits: {paused}", entry=entry)

    def completed(self, entry: Entry, media: DownloadedMedia) -> None:
        """Record the verified result of an entry."""
        self._outbox.drop_figures(entry.index)
        files = (str(media.path), *(str(path) for path in media.sidecars))
        self._entries.update(
            entry.index,
            status=EntryStatus.COMPLETED,
            title=media.title,
            key=media.key,
            duration=media.duration,
            uploader=media.entry.uploader or entry.uploader,
            channel=media.entry.channel or entry.channel,
            main_file=str(media.path),
            files=files,
            size=media.size,
            progress=None,
        )
        self._finish_entry(entry, media.title, self.tally.downloaded)

    def taken_over(self, entry: Entry, *, main_file: str | None, files: Sequence[str]) -> None:
        """Record that another list had the entry downloaded meanwhile."""
        self._outbox.drop_figures(entry.index)
        self._entries.update(
            entry.index,
            status=EntryStatus.COMPLETED,
            progress=None,
            main_file=main_file,
            files=tuple(files),
        )
        text = "In the archive already: another list or an earlier run had it downloaded"
        self.log(LogLevel.INFO, text, entry=entry)
        self._finish_entry(entry, text, self.tally.taken_over)

    def failed(self, entry: Entry, error: BaseException) -> None:
        """Record why an entry failed; the others go on."""
        self._outbox.drop_figures(entry.index)
        text = redact(str(error) if isinstance(error, VidraError) else f"unexpected error: {error!r}")
        self._entries.update(
            entry.index, status=EntryStatus.FAILED, error=text, error_at=iso(self._clock.now()), progress=None
        )
        self.log(LogLevel.ERROR, text, entry=entry)
        self._finish_entry(entry, text, self.tally.failed)

    def flush(self) -> None:
        """Store what still waits to be stored."""
        self._outbox.flush()

    def _finish_entry(self, entry: Entry, message: str, done: set[int]) -> None:
        with self._lock:
            done.add(entry.index)
            self._percent.pop(entry.index, None)
            self._last_tick.pop(entry.index, None)
        self._store_job_progress(entry, JobProgress(stage=Stage.COMPLETED, message=message))

    def _store_job_progress(
        self, entry: Entry, figures: JobProgress, *, of_entry: JobProgress | None = None
    ) -> None:
        with self._lock:
            failed = len(self.tally.failed)
            completed = self._done_before + len(self.tally.downloaded) + len(self.tally.taken_over)
            done = completed + failed + sum(self._percent.values()) / 100
            counts = {
                "percent": round(100 * done / self._total, 2) if self._total else 0.0,
                "total_items": self._total,
                "completed_items": completed,
                "failed_items": failed,
                "current_index": entry.index,
            }
        self._outbox.set_figures(figures.model_copy(update=counts), index=entry.index, entry=of_entry)


def _figures(progress: Progress) -> JobProgress:
    return JobProgress(
        stage=progress.stage,
        stage_name=progress.stage_name,
        percent=progress.percent,
        stage_percent=progress.stage_percent,
        downloaded_bytes=progress.downloaded_bytes,
        total_bytes=progress.total_bytes,
        speed=progress.speed,
        eta=progress.eta,
        elapsed=progress.elapsed,
        filename=progress.filename,
        tmpfilename=progress.tmpfilename,
        message=redact(progress.message) if progress.message else None,
    )

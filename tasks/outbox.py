"""Stores a job's lines and figures: at once while they are few, together while they come in crowds."""

from __future__ import annotations

import threading
from typing import Final

from vidra.clock import Clock
from vidra.errors import VidraError
from vidra.state import State
from vidra.state.interface import JobProgress, LogLine

INTERVAL: Final = 0.2
"""Seconds that something may wait to be stored together with what follows; less than a tick."""
AT_ONCE: Final = 12
"""So many pieces in a row are stored at once: all that a single small file has to tell in a moment."""
REFILL: Final = 8.0
"""So many pieces a second go on being stored at once; a piece costs a millisecond, lock and all."""


class Outbox:
    """One job's figures and log lines on their way to the state. Safe between threads.

    What cannot be stored raises for whoever adds the next piece. What waits is lost with the process; results
    of entries never wait here.
    """

    def __init__(self, state: State, job_id: str, *, clock: Clock) -> None:
        self._state, self._job_id, self._clock = state, job_id, clock
        self._entries = state.entries(job_id)
        self._lock = threading.RLock()
        self._lines: list[LogLine] = []
        self._figures: dict[int, JobProgress] = {}
        self._progress: JobProgress | None = None
        self._tokens, self._counted_at = float(AT_ONCE), clock.monotonic()
        self._timer: threading.Timer | None = None
        self._trouble: VidraError | None = None

    def add_line(self, line: LogLine) -> None:
        """Store a log line."""
        with self._lock:
            self._lines.append(line)
            self._store_in_time()

    def set_figures(
        self, progress: JobProgress, *, index: int | None = None, entry: JobProgress | None = None
    ) -> None:
        """Store the job's figures, and those of the entry that they changed with; the last ones count."""
        with self._lock:
            self._progress = progress
            if index is not None and entry is not None:
                self._figures[index] = entry
            self._store_in_time()

    def drop_figures(self, index: int) -> None:
        """Forget figures of an entry that wait; call it before the entry's result is stored."""
        with self._lock:
            self._figures.pop(index, None)

    def flush(self) -> None:
        """Store what waits."""
        with self._lock:
            self._disarm()
            self._store()

    def _store_in_time(self) -> None:
        if self._trouble is not None:
            trouble, self._trouble = self._trouble, None
            raise trouble
        if self._timer is not None:
            return
        if self._may_be_at_once():
            self._store()
            return
        self._timer = threading.Timer(INTERVAL, self._on_time)
        self._timer.daemon = True
        self._timer.start()

    def _may_be_at_once(self) -> bool:
        now = self._clock.monotonic()
        self._tokens = min(AT_ONCE, self._tokens + REFILL * (now - self._counted_at))
        self._counted_at = now
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def _on_time(self) -> None:
        with self._lock:
            self._timer = None
            try:
                self._store()
            except VidraError as error:
                self._trouble = error

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _store(self) -> None:
        lines, self._lines = self._lines, []
        figures, self._figures = self._figures, {}
        progress, self._progress = self._progress, None
        if lines:
            self._state.logs.append(self._job_id, lines)
        for index, entry in figures.items():
            self._entries.update(index, durable=False, progress=entry)
        if progress is not None:
            self._state.jobs.set_progress(self._job_id, progress)

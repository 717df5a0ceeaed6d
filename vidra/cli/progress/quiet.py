"""Nothing but what failed, on standard error."""

from __future__ import annotations

import threading
from typing import TextIO

from vidra.cli.progress.changes import Change, EntryChanged, JobChanged
from vidra.cli.progress.interface import Renderer
from vidra.cli.progress.sentences import entry_name, entry_state, job_state
from vidra.state.interface import EntryStatus, JobStatus


class QuietRenderer(Renderer):
    """Prints each failure once."""

    def __init__(self, err: TextIO) -> None:
        self._err, self._lock, self._said = err, threading.Lock(), set[str]()

    def show(self, change: Change) -> None:
        """Print the change if it is a failure."""
        match change:
            case EntryChanged(entry=entry) if entry.status is EntryStatus.FAILED:
                self._say(f"{entry_name(entry)}: {entry_state(entry)}")
            case JobChanged(job=job) if job.status is JobStatus.FAILED:
                self._say(job_state(job))
            case _:
                pass

    def finish(self) -> None:
        """Say nothing: the exit code tells the result."""

    def _say(self, line: str) -> None:
        with self._lock:
            if line not in self._said:
                self._said.add(line)
                self._err.write(f"vidra: error: {line}\n")
                self._err.flush()

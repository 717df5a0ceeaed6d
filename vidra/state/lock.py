"""Exclusion between threads and between processes, for as long as a `with` block runs."""

from __future__ import annotations

import threading
from pathlib import Path
from types import TracebackType
from typing import Self

import filelock

from vidra.errors import StateBusy

from .atomic import FILE_MODE, ensure_folder, translated

_POLL_S = 0.002  # between a lock's tries; filelock's 50 ms would make eight writers wait on each other


class ExclusiveLock:
    """A lock file. Re-entrant within a thread; `StateBusy` after `timeout` seconds of waiting."""

    def __init__(self, path: Path, *, timeout: float) -> None:
        self.path, self._timeout = path, timeout
        self._thread = threading.RLock()
        self._process = filelock.FileLock(path, timeout=timeout, mode=FILE_MODE, thread_local=False)

    def __enter__(self) -> Self:
        """Wait for the lock; raise `StateBusy`, or `StateWriteFailed` where no lock can be had."""
        if not self._thread.acquire(timeout=self._timeout):
            raise StateBusy(self.path, f"another thread held the lock for {self._timeout:g} s")
        try:
            if not self.path.parent.is_dir():
                ensure_folder(self.path.parent)
            with translated(self.path, "take the lock"):
                self._take()
        except BaseException:
            self._thread.release()
            raise
        return self

    def _take(self) -> None:
        try:
            self._process.acquire(poll_interval=_POLL_S)
        except filelock.Timeout as error:  # an OSError, so it must not reach `translated`
            message = f"another process held the lock for {self._timeout:g} s; try again"
            raise StateBusy(self.path, message) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let the next one in."""
        try:
            self._process.release()
        finally:
            self._thread.release()

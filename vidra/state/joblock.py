"""The lock of one job, and the note that says who holds it."""

from __future__ import annotations

import os
import socket
from functools import lru_cache
from pathlib import Path
from typing import Self

import filelock
import orjson
import psutil

from vidra.clock import Clock, iso
from vidra.errors import StateBusy

from .atomic import FILE_MODE, ensure_folder, translated, write_all
from .facade import JobLock, LockHolder


class FileJobLock(JobLock):
    """See `JobLock`: a lock file that the system frees, beside a note with pid and start time."""

    def __init__(self, path: Path, *, purpose: str, clock: Clock) -> None:
        self._path, self._purpose, self._clock = path, purpose, clock
        self._note = path.with_suffix(".holder")
        self._lock = filelock.FileLock(path, timeout=0, mode=FILE_MODE, thread_local=False)

    def try_acquire(self) -> bool:
        """Take the lock if it is free, without waiting; return whether it is held now."""
        ensure_folder(self._path.parent)
        with translated(self._path, "take the lock"):
            if not self._lock.is_locked:
                try:
                    self._lock.acquire()
                except filelock.Timeout:
                    return False
                self._sign()
        return True

    def release(self) -> None:
        """Let go; harmless when not held."""
        if self._lock.is_locked:
            with translated(self._path, "release the lock"):
                self._note.unlink(missing_ok=True)
                self._lock.release()

    def holder(self) -> LockHolder | None:
        """Return who holds it; a note of a process that has ended does not count."""
        try:
            note = orjson.loads(self._note.read_bytes())
            started = note.pop("started")
            holder = LockHolder(**note)
        except (FileNotFoundError, orjson.JSONDecodeError, KeyError, TypeError):
            return None
        if holder.host != socket.gethostname():
            return holder
        return holder if _started(holder.pid) == started else None

    def __enter__(self) -> Self:
        """Take the lock; raise `StateBusy` naming the holder if it is taken."""
        if not self.try_acquire():
            raise StateBusy(self._path, f"held by {self.holder() or 'another process'}")
        return self

    def _sign(self) -> None:
        note = {
            "pid": os.getpid(),
            "host": socket.gethostname(),
            "purpose": self._purpose,
            "since": iso(self._clock.now()),
            "started": _own_start(os.getpid()),
        }
        descriptor = os.open(self._note, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, FILE_MODE)
        try:
            write_all(descriptor, orjson.dumps(note))
        finally:
            os.close(descriptor)


@lru_cache(maxsize=1)
def _own_start(pid: int) -> float | None:
    """Return when this process started; forty subscriptions take forty locks, and asking takes 5 ms."""
    return _started(pid)


def _started(pid: int) -> float | None:
    """Return when the process started, which tells it from a later one with its pid; None if it is gone."""
    try:
        process = psutil.Process(pid)
        return None if process.status() == psutil.STATUS_ZOMBIE else process.create_time()
    except psutil.Error:
        return None

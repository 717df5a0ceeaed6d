"""One instance at a time: an advisory lock of the system, which dies with its holder whatever happens.

A stale file or a reused pid never blocks, because neither is asked. What stands in the file is for
messages only. A lock descriptor is never inherited; should an orphan hold the lock all the same, for
example one that was forked without `exec`, the message says who it is.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psutil

from vidra.errors import AlreadyRunning
from vidra.supervisor.identity import Identity


class InstanceLock:
    """The lock at `path`; a context manager. Not re-entrant."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._descriptor: int | None = None

    def __enter__(self) -> Self:
        """Acquire; raise `AlreadyRunning`."""
        self.acquire()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Release."""
        self.release()

    def acquire(self, **facts: str) -> None:
        """Take the lock and write down who we are; raise `AlreadyRunning` if another process holds it."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        while True:
            descriptor = os.open(self.path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(descriptor)
                raise self._held() from None
            if self._is_current(descriptor):
                self._descriptor = descriptor
                self.describe(**facts)
                return
            os.close(descriptor)  # the former holder removed this file between our open and our lock

    def describe(self, **facts: str) -> None:
        """Write down who holds the lock, with further facts such as `url`."""
        assert self._descriptor is not None, "the lock is not held"  # noqa: S101 - a caller's mistake
        me = Identity.of(os.getpid())
        text = json.dumps({**({} if me is None else asdict(me)), **facts}).encode()
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, text, 0)

    def release(self) -> None:
        """Remove the file and let go; harmless when not held."""
        if self._descriptor is None:
            return
        descriptor, self._descriptor = self._descriptor, None
        self.path.unlink(missing_ok=True)
        os.close(descriptor)

    def _is_current(self, descriptor: int) -> bool:
        try:
            named = self.path.stat()
        except FileNotFoundError:
            return False
        return os.path.samestat(named, os.fstat(descriptor))

    def _held(self) -> AlreadyRunning:
        facts = read_holder(self.path)
        pid, url = facts.get("pid"), facts.get("url")
        owner = _identity_in(facts)
        if owner is not None and owner.alive:
            return AlreadyRunning(self.path, pid=owner.pid, url=url, holder=f"pid {owner.pid}")
        orphans = [held for held in _who_has_open(self.path) if held.pid != os.getpid()]
        names = ", ".join(f"pid {orphan.pid}, {_name_of(orphan.pid)}" for orphan in orphans)
        holder = f"pid {pid} has ended, but the lock is still held by {names or 'a process we may not see'}"
        return AlreadyRunning(self.path, pid=orphans[0].pid if orphans else None, url=url, holder=holder)


def read_holder(path: Path) -> Mapping[str, Any]:
    """Return what the last holder wrote; empty when nothing can be read. Proves nothing about the lock."""
    try:
        facts = json.loads(path.read_bytes())
    except (OSError, ValueError):
        return {}
    return facts if isinstance(facts, dict) else {}


def _identity_in(facts: Mapping[str, Any]) -> Identity | None:
    try:
        return Identity(pid=int(facts["pid"]), started=int(facts["started"]), boot=str(facts["boot"]))
    except (KeyError, TypeError, ValueError):
        return None


def _who_has_open(path: Path) -> list[Identity]:
    """Return the processes that have this very file open."""
    found: list[Identity] = []
    for process in psutil.process_iter():
        try:
            names = [Path(file.path) for file in process.open_files()]
        except psutil.Error:
            continue  # gone meanwhile, or not ours to see
        if path.resolve() in names and (identity := Identity.of(process.pid)) is not None:
            found.append(identity)
    return found


def _name_of(pid: int) -> str:
    try:
        return psutil.Process(pid).name()
    except psutil.Error:
        return "ended meanwhile"

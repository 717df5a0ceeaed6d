"""Who a process is, beyond its pid: a pid is reused, and a zombie still answers `kill(pid, 0)`."""

from __future__ import annotations

import os
import signal
import sys
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

import psutil

_PROC: Final = Path("/proc")
_LINUX: Final = sys.platform == "linux"


@cache
def boot_id() -> str:
    """Return what distinguishes this boot of the machine from every other."""
    if _LINUX:
        return (_PROC / "sys/kernel/random/boot_id").read_text().strip()
    return str(int(psutil.boot_time()))


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """One process of one boot; no other process is ever equal to it."""

    pid: int
    started: int
    """Start time: clock ticks since boot on Linux (`/proc/<pid>/stat`, field 22), else microseconds."""
    boot: str

    @classmethod
    def of(cls, pid: int) -> Identity | None:
        """Return who has this pid now; None when nobody does. A zombie still has an identity."""
        facts = stat_of(pid)
        return None if facts is None else cls(pid=pid, started=facts.started, boot=boot_id())

    @property
    def alive(self) -> bool:
        """Whether this very process still runs. A zombie is dead, and so is a pid's former owner."""
        if self.boot != boot_id():
            return False
        facts = stat_of(self.pid)
        return facts is not None and facts.started == self.started and not facts.zombie

    def open_handle(self) -> int | None:
        """Return a pidfd of this very process; None when it has gone or the system has no pidfds.

        The caller closes it. The identity is checked after opening: a pidfd cannot change hands.
        """
        try:
            handle = os.pidfd_open(self.pid)
        except (AttributeError, OSError):
            return None
        if self.alive:
            return handle
        os.close(handle)
        return None

    def send(self, number: signal.Signals) -> bool:
        """Signal this very process and nobody else; return whether it was there to be signalled."""
        handle = self.open_handle()
        try:
            if handle is not None:
                signal.pidfd_send_signal(handle, number)
            elif self.alive:  # no pidfds here: the shortest gap there is between check and use
                os.kill(self.pid, number)
            else:
                return False
        except (ProcessLookupError, PermissionError):
            return False
        finally:
            if handle is not None:
                os.close(handle)
        return True


@dataclass(frozen=True, kw_only=True, slots=True)
class Stat:
    """The kernel's facts about a process."""

    pid: int
    parent: int
    session: int
    started: int
    zombie: bool


def stat_of(pid: int) -> Stat | None:
    """Return the facts about whoever has this pid now, or None."""
    return _linux_stat(pid) if _LINUX else _portable_stat(pid)


def all_stats() -> list[Stat]:
    """Return the facts about every process we may see."""
    return [stat for pid in psutil.pids() if (stat := stat_of(pid)) is not None]


def environment_of(pid: int) -> bytes:
    """Return the process's initial environment, NUL-separated; empty when we may not read it."""
    try:
        if _LINUX:
            return (_PROC / str(pid) / "environ").read_bytes()
        return b"\0".join(f"{key}={value}".encode() for key, value in psutil.Process(pid).environ().items())
    except (OSError, psutil.Error):
        return b""


def _linux_stat(pid: int) -> Stat | None:
    try:
        text = (_PROC / str(pid) / "stat").read_bytes()
    except OSError:
        return None
    # The name in parentheses may contain anything, even parentheses: count from the last one.
    fields = text[text.rindex(b")") + 2 :].split()
    return Stat(
        pid=pid,
        parent=int(fields[1]),
        session=int(fields[3]),
        started=int(fields[19]),
        zombie=fields[0] in {b"Z", b"X"},
    )


def _portable_stat(pid: int) -> Stat | None:
    try:
        process = psutil.Process(pid)
        with process.oneshot():
            return Stat(
                pid=pid,
                parent=process.ppid(),
                session=os.getsid(pid),
                started=int(process.create_time() * 1_000_000),
                zombie=process.status() == psutil.STATUS_ZOMBIE,
            )
    except (psutil.Error, OSError):
        return None

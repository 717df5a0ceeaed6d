"""One process of a back end: started in its own session, watched without polling, reaped by nobody else."""

from __future__ import annotations

import asyncio
import errno
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from vidra.errors import BackendNotStarted, ExecutableMissing
from vidra.supervisor.identity import Identity

_POLL: Final = 0.1
"""Seconds between looks at a process on systems without pidfds."""

_PARENT_DEATH: Final = """
import ctypes, os, signal, sys
supervisor = int(sys.argv[1])
ctypes.CDLL(None, use_errno=True).prctl(1, signal.SIGKILL)
if os.getppid() != supervisor:
    sys.exit(1)
os.execvp(sys.argv[2], sys.argv[2:])
"""
"""Asks the kernel for the parent-death signal, then becomes the back end: a pid survives `exec`, and
so does the request. Done in a program of its own because code between fork and exec may deadlock."""


WITH_PARENT: Final = "__with-parent"
"""First argument of the one-file build that means the same."""


class Process:
    """A process we started, or one that an earlier supervisor started and we adopted."""

    def __init__(self, identity: Identity, popen: subprocess.Popen[bytes] | None = None) -> None:
        self.identity = identity
        self._popen = popen
        self._code: int | None = None

    @property
    def pid(self) -> int:
        """Return the process id, which is also the number of its session."""
        return self.identity.pid

    @property
    def adopted(self) -> bool:
        """Whether somebody else was the parent, so that nobody can tell us the exit code."""
        return self._popen is None

    async def ended(self) -> None:
        """Return once the process has ended. It is not reaped: its number stays taken until `reap`."""
        handle = self.identity.open_handle()
        if handle is None:
            while self.identity.alive:  # noqa: ASYNC110 - the kernel sends no event we could wait for here
                await asyncio.sleep(_POLL)
            return
        loop, done = asyncio.get_running_loop(), asyncio.Event()
        loop.add_reader(handle, done.set)
        try:
            await done.wait()
        finally:
            loop.remove_reader(handle)
            os.close(handle)

    def signal_group(self, number: signal.Signals) -> bool:
        """Signal the whole group at once, if its number is certain to be ours; return whether it was."""
        if (self._popen is None and not self.identity.alive) or self._code is not None:
            return False
        try:
            os.killpg(self.pid, number)
        except (ProcessLookupError, PermissionError):
            return False  # everyone has gone, or what is left is not ours to signal
        return True

    def reap(self) -> tuple[int | None, int | None]:
        """Return exit code and signal of the ended process; both None when we were not its parent."""
        if self._popen is None:
            return None, None
        if self._code is None:
            self._code = self._popen.wait()
        return (self._code, None) if self._code >= 0 else (None, -self._code)


def spawn(
    name: str,
    command: Sequence[str],
    *,
    cwd: Path | None,
    env: Mapping[str, str],
    stdout: int,
    stderr: int,
    descriptor: int | None,
    ends_with_us: bool,
) -> Process:
    """Start the program in a session of its own.

    Raises `ExecutableMissing` or `BackendNotStarted` for what a person has to mend, and `OSError` for
    passing trouble such as a full process table.
    """
    program = _find_program(name, command[0], cwd, env)
    arguments = [program, *command[1:]]
    if ends_with_us:
        arguments = dying_with_us(arguments)
    try:
        popen = subprocess.Popen(
            arguments,
            cwd=cwd,
            env=dict(env),
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            start_new_session=True,
            pass_fds=() if descriptor is None else (descriptor,),
        )
    except (FileNotFoundError, NotADirectoryError, PermissionError) as error:
        raise BackendNotStarted(name, f"cannot start {program}: {error}") from error
    except OSError as error:
        if error.errno == errno.ENOEXEC:
            raise BackendNotStarted(name, f"{program} is not a program this machine can run") from error
        raise
    identity = Identity.of(popen.pid)
    assert identity is not None  # noqa: S101 - a child that is not reaped keeps its number
    return Process(identity, popen)


def dying_with_us(command: Sequence[str]) -> list[str]:
    """Return the command line that runs this one and is killed when the thread that starts it ends (Linux).

    Elsewhere it is the command itself.
    """
    if sys.platform != "linux":
        return list(command)
    if getattr(sys, "frozen", False):  # a one-file build runs no `-c`; see `vidra.cli.bundled`
        return [sys.executable, WITH_PARENT, str(os.getpid()), *command]
    return [sys.executable, "-I", "-S", "-c", _PARENT_DEATH, str(os.getpid()), *command]


def _find_program(name: str, program: str, cwd: Path | None, env: Mapping[str, str]) -> str:
    """Return the absolute path of the program, or raise with what lies where it was expected."""
    if os.sep not in program:
        found = shutil.which(program, path=env.get("PATH", os.defpath))
        if found is None:
            raise ExecutableMissing(name, program, evidence=[f"{program} is not on PATH: {env.get('PATH')}"])
        return found
    path = (Path.cwd() if cwd is None else cwd) / program
    if not path.is_file():
        raise ExecutableMissing(name, path, evidence=[f"expected: {path}", *_listing(path.parent)])
    if not os.access(path, os.X_OK):
        raise BackendNotStarted(name, f"{path} is not executable; make it so with `chmod +x`")
    return str(path)


def _listing(folder: Path) -> list[str]:
    try:
        names = sorted(entry.name for entry in folder.iterdir())
    except OSError as error:
        return [f"folder {folder}: {error.strerror}"]
    return [f"folder {folder} holds {len(names)} entries:", *names[:50]]

"""Entry of the one-file build: `vidra`, and the parts of Vidra that it starts from itself.

`python -m vidra.api.serve` becomes `vidra __run-module vidra.api.serve` there, and what dies with its
supervisor is started through `vidra __with-parent PID …`, because there is no other Python at hand.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import runpy
import signal
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final, NoReturn

from vidra.engine.lifecycle.programs import RUN_MODULE
from vidra.supervisor.process import WITH_PARENT

_OURS: Final = ("vidra.", "flows.", "tasks.")
_PR_SET_PDEATHSIG: Final = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run what the first argument asks for; anything but the two words above is `vidra`'s own business."""
    given = list(sys.argv[1:] if arguments is None else arguments)
    if given[:1] == [RUN_MODULE] and len(given) > 1 and given[1].startswith(_OURS):
        return _run_module(given[1], given[2:])
    if given[:1] == [WITH_PARENT] and len(given) > 2 and given[1].isdecimal():
        _become(int(given[1]), given[2:])
    _end_with_launcher()
    from vidra.cli import main as vidra  # noqa: PLC0415 - the parts above do without the command line

    return vidra(given)


def _run_module(module: str, arguments: Sequence[str]) -> int:
    sys.argv = [module, *arguments]
    runpy.run_module(module, run_name="__main__", alter_sys=True)
    return 0


def _become(supervisor: int, command: Sequence[str]) -> NoReturn:
    """Ask to be killed when the supervisor dies, then become the program: the request survives `exec`."""
    _ask_for_death_signal(signal.SIGKILL)
    if os.getppid() != supervisor:
        sys.exit(1)
    os.execvp(command[0], list(command))  # noqa: S606 - an argument list, no shell


def _end_with_launcher() -> None:
    """End in order when the launcher, the outer of the two processes of a one-file program, is killed."""
    try:
        launched = Path(f"/proc/{os.getppid()}/exe").samefile("/proc/self/exe")
    except OSError:  # no /proc, or not ours to see
        return
    if launched and getattr(sys, "frozen", False):
        _ask_for_death_signal(signal.SIGTERM)


def _ask_for_death_signal(number: signal.Signals) -> None:
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, number)


if __name__ == "__main__":
    multiprocessing.freeze_support()
    sys.exit(main())

"""How a part of Vidra is started as a process of its own: from a Python, or from the one-file build.

A frozen executable has no `-m`. It is told which module to run by `__run-module`, see `vidra.cli.bundled`.
"""

from __future__ import annotations

import os
import sys
from typing import Final

from vidra.supervisor.environment import without_bundle

RUN_MODULE: Final = "__run-module"
"""First argument of the one-file build that means: run this module as `python -m` would."""
RESET_VARIABLE: Final = "PYINSTALLER_RESET_ENVIRONMENT"
"""Set to 1, a start of the same one-file build unpacks itself instead of sharing its parent's folder."""


def is_bundled() -> bool:
    """Whether this process runs from the one-file build."""
    return bool(getattr(sys, "frozen", False))


def module_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs a module of ours with these arguments."""
    return [sys.executable, RUN_MODULE if is_bundled() else "-m", module, *arguments]


def vidra_command(*arguments: str) -> list[str]:
    """Return the command line of `vidra` with these arguments."""
    return [sys.executable, *([] if is_bundled() else ["-m", "vidra.cli"]), *arguments]


def independent_environment() -> dict[str, str]:
    """Return the environment of a child that outlives us: it must not share what we unpacked."""
    return {**without_bundle(os.environ), RESET_VARIABLE: "1"} if is_bundled() else dict(os.environ)

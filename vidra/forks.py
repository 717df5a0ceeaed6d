"""What every fork of a process of ours does in the end."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import NoReturn


def end_with(work: Callable[[], int | None]) -> NoReturn:
    """Do the work and end this process with the exit code it returns, 0 for None; 1 if it raises.

    A fork must not return into the code that forked it, whatever happens.
    """
    code = 1
    try:
        code = work() or 0
    except BaseException as error:  # noqa: BLE001 - the process's outermost edge
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        sys.stderr.flush()
        os._exit(code)

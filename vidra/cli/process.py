"""The process of one command: over soon, it neither looks for garbage nor takes itself apart."""

from __future__ import annotations

import atexit
import gc
import os
import sys
import threading
from contextlib import suppress
from typing import Final, NoReturn

from vidra.cli import main

_OBJECTS: Final = 150_000
"""New objects after which garbage is looked for. With 700, the default, imports take 0.1 s longer."""
_UNUSED: Final = "httpx._main"
"""The command line of httpx, which brings rich along: a tenth of what a command imports."""


def run() -> NoReturn:
    """Run `vidra` with the arguments of this process, and end it with the exit code."""
    gc.set_threshold(_OBJECTS)
    sys.modules.setdefault(_UNUSED, None)  # type: ignore[arg-type]  # Python's own way to say: not to be had
    leave(main())


def leave(code: int) -> NoReturn:
    """End the process: what was registered for its end is done, but modules are not taken apart (0.1 s).

    With a thread that has to be waited for, it ends in the usual way.
    """
    if any(not thread.daemon for thread in threading.enumerate() if thread is not threading.main_thread()):
        sys.exit(code)
    atexit._run_exitfuncs()  # noqa: SLF001 - what Python itself calls here; there is no public name
    with suppress(OSError):  # nobody reads any more: `main` has judged that already
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)

"""A command's process ends quickly and loses nothing by it."""

from __future__ import annotations

import subprocess
import sys

import pytest

PROGRAM = """
import atexit, threading, time
from vidra.cli.process import leave
atexit.register(lambda: print("registered"))
thread = threading.Thread(target=lambda: (time.sleep(0.3), print("thread")), daemon={daemon})
thread.start()
print("said", end=" ")
leave(3)
"""


@pytest.mark.parametrize(("daemon", "said"), [(True, "said registered"), (False, "said thread registered")])
def test_what_was_said_and_registered_is_done_before_the_end(daemon: bool, said: str) -> None:
    """Output that was still buffered, functions registered for the end, and threads that count."""
    program = PROGRAM.format(daemon=daemon)
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split(), done.stderr) == (3, said.split(), "")

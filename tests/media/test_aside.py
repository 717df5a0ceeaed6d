"""What is worked out in a fork comes back, and leaves nothing."""

from __future__ import annotations

import subprocess
import sys

import pytest

_HEAD = """
import os, sys, threading
from vidra.media.aside import worked_out_aside
here = os.getpid()
def work():
    import colorsys
    return os.getpid() != here
"""


def _alone(program: str) -> subprocess.CompletedProcess[str]:
    """Run a program after that beginning, with a single thread."""
    command = [sys.executable, "-c", _HEAD + program]
    return subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)


def test_work_is_done_in_a_fork_and_its_imports_do_not_stay() -> None:
    """That is the purpose: modules take memory for good."""
    assert _alone("print(worked_out_aside(work), 'colorsys' in sys.modules)").stdout.split() == [
        "True",
        "False",
    ]


def test_with_other_threads_it_is_done_here() -> None:
    """A fork could inherit a lock that nobody opens any more."""
    said = _alone("""
threading.Thread(target=threading.Event().wait, args=(60,), daemon=True).start()
print(worked_out_aside(work), 'colorsys' in sys.modules)
""")
    assert said.stdout.split() == ["False", "True"]


@pytest.mark.parametrize("trouble", ["raise RuntimeError('there')", "os._exit(3)", "return lambda: None"])
def test_what_fails_in_the_fork_is_done_here(trouble: str) -> None:
    """It may have no memory, or an answer that cannot be sent."""
    said = _alone(f"""
def troubled():
    if os.getpid() != here:
        {trouble}
    return "done"
print(worked_out_aside(troubled))
""")
    assert said.stdout.split() == ["done"]

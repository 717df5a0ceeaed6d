"""Every system call may fail or be the last: nothing acknowledged is lost, nothing becomes unreadable."""

from __future__ import annotations

import itertools
import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.state import crashlab

ROOT = Path(__file__).parents[2]


def table(folder: Path, length: int, timeout_s: int) -> dict[str, Any]:
    """Run the laboratory and return its findings."""
    command = [sys.executable, "-m", "tests.state.crashlab", str(folder), str(length)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=timeout_s, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_a_fault_at_any_system_call_of_one_operation_harms_nothing(tmp_path: Path) -> None:
    """ST-01, ST-07, ST-10: kill before and after, EIO, ENOSPC at each call; old or new, and it goes on."""
    found = table(tmp_path, 1, 110)
    assert found["wrong"] == []
    assert found["points"] > 150


STRACE = shutil.which("strace")
NAMES = ("grow", "remove", "compact", "insert", "checkpoint", "shrink")


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.skipif(STRACE is None, reason="needs strace; the table above does the same with a shim")
@pytest.mark.parametrize("call", ["write", "fsync", "fdatasync", "rename", "link", "ftruncate"])
def test_a_fault_of_the_kernel_harms_nothing(tmp_path: Path, call: str) -> None:
    """ST-01 with the real system calls of a real process failing, or killing it."""
    template, folder = tmp_path / "template", tmp_path / "work"
    template.mkdir(mode=0o700)
    before = crashlab.prepare(template)
    for fault, when in itertools.product(("error=EIO", "error=ENOSPC", "signal=KILL"), range(1, 16)):
        crashlab.renewed(folder, template)
        trace = [str(STRACE), "-f", "-o", "/dev/null", "-e", f"trace={call}"]
        trace += ["-e", f"inject={call}:{fault}:when={when}"]
        command = [*trace, sys.executable, "-m", "tests.state.crashlab", "--perform", str(folder), *NAMES]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
        said = done.stdout.splitlines()
        assert crashlab.verdict(folder, crashlab.expected(before, NAMES, said)) is None, (fault, when, said)


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_a_fault_at_any_system_call_of_three_operations_harms_nothing(tmp_path: Path) -> None:
    """ST-01, ST-10 for all sequences of three; most known file system crash bugs need no more."""
    assert table(tmp_path, 3, 3500)["wrong"] == []

"""A pid is not a process."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from vidra.supervisor.identity import Identity
from vidra.supervisor.subreaper import Undertaker

REUSE = Path(__file__).parent / "programs" / "reuse_pid.py"


@pytest.fixture
def sleeper() -> Iterator[subprocess.Popen[bytes]]:
    """Return a living process."""
    process = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"])
    yield process
    process.kill()
    process.wait()


def test_a_zombie_is_dead(sleeper: subprocess.Popen[bytes]) -> None:
    """WD-10: `kill(pid, 0)` succeeds on it, and yet it is not alive."""
    identity = Identity.of(sleeper.pid)
    assert identity is not None
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    os.kill(sleeper.pid, 0)
    assert not identity.alive


@pytest.mark.parametrize("other", [{"started": 1}, {"boot": "another"}])
def test_another_start_or_boot_is_another_process(
    sleeper: subprocess.Popen[bytes], other: dict[str, object]
) -> None:
    """WD-09: same pid, other start time: not alive, and not signalled."""
    identity = Identity.of(sleeper.pid)
    assert identity is not None
    former = replace(identity, **other)  # type: ignore[arg-type]  # one field of either type

    assert identity.alive
    assert not former.alive
    assert not former.send(signal.SIGKILL)
    assert sleeper.poll() is None


@pytest.mark.skipif(sys.platform != "linux", reason="pids can be forced in a Linux namespace only")
def test_a_stranger_with_a_truly_reused_pid_is_not_signalled() -> None:
    """WD-09 with the kernel's help: in a namespace of its own the same number is given out twice."""
    unshare = shutil.which("unshare")
    if unshare is None:
        pytest.skip("there is no `unshare` here")
    result = subprocess.run(
        [
            unshare,
            "--user",
            "--map-root-user",
            "--pid",
            "--fork",
            "--mount-proc",
            sys.executable,
            str(REUSE),
        ],
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    if result.returncode == 77 or "unshare:" in result.stderr:
        pytest.skip(f"no namespaces here: {result.stderr.strip()}")

    assert (result.stdout, result.stderr) == ("same pid, other process, unharmed\n", "")


def test_only_orphans_are_buried_and_only_at_the_second_look(sleeper: subprocess.Popen[bytes]) -> None:
    """Somebody's own child gets the time between two looks to be waited for by its parent."""
    undertaker = Undertaker()
    sleeper.kill()
    os.waitid(os.P_PID, sleeper.pid, os.WEXITED | os.WNOWAIT)

    assert undertaker.look(ours=[sleeper.pid]) == 0
    assert undertaker.look(ours=()) == 0
    assert undertaker.look(ours=()) >= 1


@pytest.mark.skipif(sys.platform != "linux", reason="subreapers are Linux's")
def test_a_subreaper_becomes_the_parent_of_orphans() -> None:
    """And reaps them when they end: in a process of its own, because it cannot be undone."""
    code = (
        "import os, subprocess, sys, time\n"
        "from vidra.supervisor.subreaper import *\n"
        "from vidra.supervisor.identity import all_stats\n"
        "assert become_subreaper()\n"
        "subprocess.run(['sh', '-c', 'sleep 0.1 & exec true'])\n"
        "mine = lambda: [s for s in all_stats() if s.parent == os.getpid()]\n"
        "assert len(mine()) == 1\n"
        "while not mine()[0].zombie: time.sleep(0.01)\n"
        "u = Undertaker(); u.look(ours=())\n"
        "print(u.look(ours=()), mine())\n"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)

    assert (result.stdout, result.stderr) == ("1 []\n", "")


def test_identity_is_cheap_enough_to_ask_often() -> None:
    """A thousand looks take less than a quarter of a second."""
    me = Identity.of(os.getpid())
    assert me is not None
    begun = time.process_time()

    assert all(me.alive for _ in range(1000))
    assert time.process_time() - begun < 0.25

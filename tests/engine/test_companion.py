"""A run's companion: processes forked for it, and what becomes of them when one of the three ends."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

from tests.engine.polling import wait_until

_HEAD = """
import os, signal, sys, threading, time
from vidra.engine.worker.companion import companion, fork_companion
assert companion() is None
fork_companion()
threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
ours = companion()
assert ours is not None
def ask(connection, text):
    connection.send(text)
    return connection.recv()
"""


def _alone(program: str) -> list[str]:
    """Run a program after that beginning, in a process with a single thread as a run's is at first."""
    command = [sys.executable, "-c", _HEAD + program]
    told = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
    return told.stdout.split()


def test_each_connection_leads_to_a_process_of_its_own() -> None:
    """Forked from the companion, not from the run, which has threads by then."""
    said = _alone("""
one, other = (ours.connect("tests.engine.family:echo", most=2) for _ in range(2))
pids = {ask(one, "a")[0], ask(other, "b")[0]}
print(len(pids), len(pids & {os.getpid(), ours.pid}), ask(one, "c")[1])
""")
    assert said == ["2", "0", "c"]


def test_there_are_no_more_than_asked_for_until_one_is_closed() -> None:
    """Whoever gets none does the work itself."""
    said = _alone("""
one = ours.connect("tests.engine.family:echo", most=1)
print(ours.connect("tests.engine.family:echo", most=1))
one.close()
print(ask(ours.connect("tests.engine.family:echo", most=1), "there")[1])
print(ours.connect("tests.engine.family:echo", most=0))
""")
    assert said == ["None", "there", "None"]


def test_a_process_that_ends_ends_its_connection_only() -> None:
    """The others work on, and another can be had; nothing is left to be waited for."""
    said = _alone("""
one, other = (ours.connect("tests.engine.family:" + name, most=9) for name in ("fall", "echo"))
try:
    ask(one, "now")
except EOFError:
    print("ended")
print(ask(other, "on")[1], ask(ours.connect("tests.engine.family:echo", most=9), "new")[1])
import psutil
print([child.status() for child in psutil.Process(ours.pid).children()].count(psutil.STATUS_ZOMBIE))
""")
    assert said == ["ended", "on", "new", "0"]


def test_signals_for_the_run_do_not_reach_them_but_the_programs_they_start() -> None:
    """The run decides when to stop; ffmpeg must still be stoppable."""
    said = _alone("""
signal.signal(signal.SIGTERM, lambda *_: None)
one = ours.connect("tests.engine.family:echo", most=9)
pid = ask(one, "a")[0]
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGUSR1):
    os.kill(pid, number)
    os.kill(ours.pid, number)
print(ask(one, "still")[1], ours.connect("tests.engine.family:tell_signals", most=9).recv())
""")
    assert said == ["still", "True"]


def test_without_its_companion_a_run_does_its_work_alone() -> None:
    """It may be killed for its memory; the run is told that no process is to be had."""
    said = _alone("""
os.kill(ours.pid, signal.SIGKILL)
os.waitpid(ours.pid, 0)
print(ours.connect("tests.engine.family:echo", most=9))
""")
    assert said == ["None"]


def test_all_of_them_end_when_the_run_is_killed(tmp_path: Path) -> None:
    """By the ends of their connections alone, if nobody ends the process group."""
    told = tmp_path / "pids"
    program = (
        _HEAD
        + f"""
one = ours.connect("tests.engine.family:echo", most=9)
pid = ask(one, "a")[0]
open({str(told)!r}, "w").write(f"{{ours.pid}} {{pid}}")
os.kill(os.getpid(), signal.SIGKILL)
"""
    )
    subprocess.run([sys.executable, "-c", program], check=False, timeout=60)
    pids = [int(pid) for pid in told.read_text().split()]
    wait_until(lambda: not any(psutil.pid_exists(pid) for pid in pids), 10)

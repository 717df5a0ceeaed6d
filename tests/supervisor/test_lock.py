"""One instance, and nothing stale ever blocks."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from vidra.errors import AlreadyRunning
from vidra.supervisor.identity import boot_id
from vidra.supervisor.lock import InstanceLock, read_holder

HOLD = """
import os, sys, time
from pathlib import Path
from vidra.supervisor.lock import InstanceLock
lock = InstanceLock(Path(sys.argv[1]))
lock.acquire(url="http://127.0.0.1:8437")
if sys.argv[2] == "fork" and os.fork() == 0:
    time.sleep(300)
print("held", flush=True)
time.sleep(300)
"""


@contextmanager
def held(path: Path, how: str = "alone") -> Iterator[subprocess.Popen[str]]:
    """Hold the lock in another process; its group is gone when the block ends."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, path, how], stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    assert process.stdout is not None
    try:
        assert process.stdout.readline() == "held\n"
        yield process
    finally:
        with suppress(ProcessLookupError):  # the test may have killed it already
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdout.close()


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the lock is."""
    return tmp_path / "vidra.start.lock"


def test_the_second_is_told_who_is_first_and_where(path: Path) -> None:
    """Requirements 89 to 91."""
    with held(path) as first, pytest.raises(AlreadyRunning) as caught:
        InstanceLock(path).acquire()

    assert caught.value.pid == first.pid
    assert caught.value.url == "http://127.0.0.1:8437"
    assert str(caught.value).startswith("Vidra is already running at http://127.0.0.1:8437")


def test_asking_does_not_harm_the_holder(path: Path) -> None:
    """A refused second attempt leaves the first one's facts readable for the third."""
    with held(path) as first:
        for _ in range(2):
            with pytest.raises(AlreadyRunning, match=f"pid {first.pid}"):
                InstanceLock(path).acquire()


def test_a_released_lock_leaves_no_file_and_can_be_taken_at_once(path: Path) -> None:
    """Requirements 93 to 95."""
    with InstanceLock(path):
        assert read_holder(path)["pid"] == os.getpid()
    assert not path.exists()
    with InstanceLock(path):
        assert path.exists()


def test_a_killed_holder_blocks_nobody(path: Path) -> None:
    """Requirements 96 to 98: kill -9, and the next one starts without help."""
    with held(path) as first:
        first.kill()
        first.wait()
        with InstanceLock(path):
            assert read_holder(path)["pid"] == os.getpid()


def test_a_stale_file_with_a_reused_pid_blocks_nobody(path: Path) -> None:
    """WD-11: the file names a process that lives; nobody holds the lock, so nobody is asked."""
    path.write_text(json.dumps({"pid": os.getppid(), "started": 1, "boot": boot_id()}))

    with InstanceLock(path):
        assert read_holder(path)["pid"] == os.getpid()


def test_rubbish_in_the_file_blocks_nobody(path: Path) -> None:
    """WD-11."""
    path.write_text("]rubbish[")

    with InstanceLock(path):
        pass


def test_a_lock_held_by_an_orphan_is_refused_and_says_by_whom(path: Path) -> None:
    """WD-11: a child forked without exec keeps the descriptor; the message names it."""
    with held(path, "fork") as first:
        first.kill()
        first.wait()
        with pytest.raises(AlreadyRunning, match="still held by pid") as caught:
            InstanceLock(path).acquire()

    assert caught.value.pid not in {None, first.pid}


def test_a_started_program_does_not_inherit_the_lock(path: Path) -> None:
    """The descriptor is closed on exec: a back end that outlives us does not keep us out."""
    lock = InstanceLock(path)
    lock.acquire()
    child = subprocess.Popen([sys.executable, "-S", "-c", "import time; time.sleep(300)"], close_fds=False)
    try:
        lock.release()
        path.touch()
        with InstanceLock(path):
            pass
    finally:
        child.kill()
        child.wait()


def test_a_lock_file_removed_under_the_holder_is_not_shared(path: Path) -> None:
    """Two locks on two files of one name would be two instances; the newcomer gets the named one."""
    with InstanceLock(path):
        path.unlink()
        with InstanceLock(path), pytest.raises(AlreadyRunning):
            InstanceLock(path).acquire()


def test_a_lock_on_a_file_that_lost_its_name_is_not_believed(path: Path) -> None:
    """The former holder removes the file between our open and our lock: that lock would guard nothing."""
    lock = InstanceLock(path)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT)
    try:
        assert lock._is_current(descriptor)
        path.unlink()
        assert not lock._is_current(descriptor)
        path.touch()
        assert not lock._is_current(descriptor)
    finally:
        os.close(descriptor)

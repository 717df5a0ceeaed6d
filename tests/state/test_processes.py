"""Several processes at once, and processes that are killed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from tinydb import TinyDB

from tests.state.builders import TABLE, things
from vidra.state import open_state
from vidra.state.journal import Journal

ROOT = Path(__file__).parents[2]


def worker(*arguments: object) -> subprocess.Popen[bytes]:
    """Start a worker with its standard output on a pipe."""
    command = [sys.executable, "-m", "tests.state.workers", *map(str, arguments)]
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)


def ended(*workers: subprocess.Popen[bytes]) -> list[int]:
    """Wait for all and close their pipes."""
    for process in workers:
        process.communicate(timeout=100)
    return [process.returncode for process in workers]


@pytest.mark.slow
def test_eight_processes_lose_no_update(tmp_path: Path) -> None:
    """ST-08: 8 × 200 jobs, and a counter that all of them raise 200 times."""
    assert ended(*(worker("update", tmp_path, f"p{n}", 200) for n in range(8))) == [0] * 8
    with open_state(tmp_path) as state:
        assert len({job.job_id for job in state.jobs.list()}) == 1600
    assert things(tmp_path / "shared.json") == {1: {"n": 1600}}
    assert not list(tmp_path.glob("*damaged*"))


def test_a_reader_never_sees_half_a_change(tmp_path: Path) -> None:
    """ST-09: while another process writes and compacts, every read is whole, and numbers never fall."""
    writer, journal = worker("write", tmp_path, 3000), Journal(tmp_path / "a.json")
    reads, last = 0, -1
    while last < 2999:
        with journal.reading() as replica:
            table = replica.tables.get(TABLE, {})
            if not table:
                continue
            first, second = table[1], table[2]
        assert first == second
        assert first["text"] == str(first["n"]) * 20
        assert first["n"] >= last
        reads, last = reads + 1, first["n"]
    assert ended(writer) == [0]
    assert reads > 100


@pytest.mark.slow
def test_kill_9_at_a_hundred_random_moments_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """ST-05, short: and stock TinyDB reads the file afterwards."""
    process = worker("kills", tmp_path, 100)
    assert process.communicate(timeout=100)[0] == b"100 killed\n"
    with open_state(tmp_path) as state:
        jobs = state.jobs.list()
    Journal(tmp_path / "download_state.json").compact()
    with TinyDB(tmp_path / "download_state.json") as plain:
        found = {document["job_id"]: document["attempt"] for document in plain.table("jobs")}
    assert found == {job.job_id: job.attempt for job in jobs}


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_kill_9_a_thousand_times_loses_nothing_acknowledged(tmp_path: Path) -> None:
    """ST-05 in full."""
    process = worker("kills", tmp_path, 1000)
    assert process.communicate(timeout=1700)[0] == b"1000 killed\n"


def test_the_lock_of_a_killed_worker_is_free(tmp_path: Path) -> None:
    """While it lives its pid is shown; when it is killed, the next one gets the lock at once."""
    process = worker("hold", tmp_path, "job-1")
    assert process.stdout is not None
    assert process.stdout.readline() == b"held\n"
    with open_state(tmp_path) as state:
        lock = state.job_lock("job-1")
        assert not lock.try_acquire()
        holder = lock.holder()
        process.kill()
        ended(process)
        assert holder is not None
        assert (holder.pid, holder.purpose) == (process.pid, "holding")
        assert lock.holder() is None
        assert lock.try_acquire()
        lock.release()

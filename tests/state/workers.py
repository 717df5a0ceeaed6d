"""What the tests of several processes run in them: `python -m tests.state.workers WHAT FOLDER ARGUMENT…`."""

from __future__ import annotations

import os
import random
import signal
import sys
import time
from collections.abc import Callable
from pathlib import Path

from tests.state.builders import TABLE, a_job
from vidra.state import open_state
from vidra.state.interface import JobProgress, JobStatus
from vidra.state.journal import Journal


def update(folder: Path, name: str, count: str) -> None:
    """Add a job and update it that many times; count together with the others in a shared document."""
    shared = Journal(folder / "shared.json", lock_timeout=60, compact_floor=20_000)
    with open_state(folder, lock_timeout=60) as state:
        for number in range(int(count)):
            state.jobs.add(a_job(f"{name}-{number}"))
            shared.change(
                lambda replica: [(TABLE, 1, {"n": replica.tables.get(TABLE, {}).get(1, {"n": 0})["n"] + 1})],
                durable=False,
            )


def transitions(folder: Path) -> None:
    """Change one job for ever and say so after each change, until killed."""
    statuses = (JobStatus.RUNNING, JobStatus.PAUSED)
    state = open_state(folder)
    state._jobs_db.journal._floor = 4000  # compacts often, so that kills hit that, too
    jobs = [job.job_id for job in state.jobs.list()]
    number = max(job.attempt for job in state.jobs.list())
    os.write(1, b"ready\n")
    while True:
        number += 1
        job_id = jobs[number % len(jobs)]
        state.jobs.set_progress(job_id, JobProgress(percent=float(number % 100)))
        state.jobs.update(
            job_id, attempt=number, status=statuses[number % 2], error="x" * (number * 37 % 700)
        )
        os.write(1, f"{number}\n".encode())


def kill_once(folder: Path, acknowledgements: int) -> int:
    """Kill a forked writer after so many acknowledgements; return the last number it acknowledged."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.dup2(writer, 1)
        transitions(folder)
    os.close(writer)
    with os.fdopen(reader, "rb") as pipe:
        last = pipe.readline()
        for _ in range(acknowledgements):
            last = pipe.readline()
        os.kill(child, signal.SIGKILL)
        said = [last, *(line for line in pipe.read().splitlines(keepends=True) if line.endswith(b"\n"))]
    os.waitpid(child, 0)
    return int(said[-1])


def kills(folder: Path, count: str) -> None:
    """Kill writers at random moments, check after each what is there, and print how many were killed."""
    chance = random.Random(7)
    with open_state(folder) as state:
        for number in range(1, 4):
            state.jobs.add(a_job(f"job-{number}", attempt=number))
    for _ in range(int(count)):
        acknowledged = kill_once(folder, chance.randrange(1, 40))
        with open_state(folder) as state:
            attempts = sorted(job.attempt for job in state.jobs.list())
        assert attempts == [attempts[-1] - 2, attempts[-1] - 1, attempts[-1]], attempts
        assert attempts[-1] in {acknowledged, acknowledged + 1}, (acknowledged, attempts)
    assert not list(folder.glob("*damaged*"))
    os.write(1, f"{count} killed\n".encode())


def hold(folder: Path, job_id: str) -> None:
    """Hold the job's lock until killed."""
    with open_state(folder) as state, state.job_lock(job_id, purpose="holding"):
        os.write(1, b"held\n")
        time.sleep(600)


def write(folder: Path, count: str) -> None:
    """Write documents that readers can check: text is the number, repeated."""
    journal = Journal(folder / "a.json", compact_floor=30_000)

    def both(document: dict[str, object]) -> None:
        journal.change(lambda _: [(TABLE, 1, document), (TABLE, 2, document)], durable=False)

    for number in range(int(count)):
        both({"n": number, "text": str(number) * 20})


if __name__ == "__main__":
    WORK: dict[str, Callable[..., None]] = {"update": update, "kills": kills, "hold": hold, "write": write}
    WORK[sys.argv[1]](Path(sys.argv[2]), *sys.argv[3:])

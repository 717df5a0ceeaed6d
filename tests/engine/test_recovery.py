"""Jobs whose run is over: which go on in a new one, and which rest."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.records import a_job, active
from tests.engine.run_records import run_in_state
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.recovery import MOST_CRASHES, Recovery
from vidra.settings import load_settings
from vidra.state import MemoryState, memory_state
from vidra.state.interface import DesiredState, EntryStatus, Job, JobStatus

pytestmark = pytest.mark.usefixtures("connected")


class Starter:
    """An engine that takes note of the runs it is asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        """Note the key; the run is never there."""
        assert parameters["request"]["job_id"] in idempotency_key
        self.asked.append(idempotency_key)
        return f"run-of-{flow}"

    async def cancel(self, run_id: str) -> None:
        """Nothing of this is cancelled."""
        raise AssertionError(run_id)


def _job(state: MemoryState, *, run: str, **fields: Any) -> Job:
    state.jobs.add(a_job(**{"status": JobStatus.RUNNING, "flow_run_ids": (run,), **fields}))
    state.entries("job-1").put([active(1, 40.0)])
    return state.jobs.get("job-1")


def _sweep(state: MemoryState, home: Path, *, at_start: bool = False) -> tuple[list[str], list[str]]:
    """Return the jobs put back to work, and the runs that were asked for."""
    starter = Starter()
    commands = JobCommands(state, starter, settings=load_settings(environ={}))
    revived = asyncio.run(Recovery(state, commands, home=home).sweep(at_start=at_start))
    return revived, starter.asked


@pytest.mark.parametrize("ended", ["Crashed", "Completed", "Failed"])
def test_a_job_that_its_run_left_in_the_middle_goes_on(ended: str, tmp_path: Path) -> None:
    """Whatever Prefect says of the run: the job says that it is not done."""
    with memory_state() as state:
        _job(state, run=run_in_state("Running", ended).flow_run_id)

        assert _sweep(state, tmp_path) == (["job-1"], ["job-1:2"])
        assert state.jobs.get("job-1").crashes == 1


@pytest.mark.parametrize("left", [JobStatus.RUNNING, JobStatus.PAUSED])
def test_a_job_whose_run_was_cancelled_in_prefect_rests(left: JobStatus, tmp_path: Path) -> None:
    """Who ends a run in the Prefect UI does not want it back; the job can be resumed, nothing is deleted."""
    with memory_state() as state:
        _job(state, run=run_in_state("Running", "Cancelled").flow_run_id, status=left)

        assert _sweep(state, tmp_path) == ([], [])
        job = state.jobs.get("job-1")
        assert (job.status, job.desired) == (JobStatus.PAUSED, DesiredState.PAUSE)
        assert _sweep(state, tmp_path, at_start=True) == ([], [])
        if left is JobStatus.RUNNING:  # its process had no time to say so itself
            assert [one.status for one in state.entries("job-1").all()] == [EntryStatus.PENDING]


def test_a_job_with_a_run_under_way_is_left_alone(tmp_path: Path) -> None:
    """Prefect says it runs, and nobody says that its process is gone."""
    with memory_state() as state:
        _job(state, run=run_in_state("Running").flow_run_id)

        assert _sweep(state, tmp_path) == ([], [])
        assert state.jobs.get("job-1").status is JobStatus.RUNNING


def test_a_job_whose_runs_always_die_fails_in_the_end(tmp_path: Path) -> None:
    """A file that kills the worker must not do so for ever; a power cut is not its fault."""
    with memory_state() as state:
        _job(state, run=run_in_state("Running", "Crashed").flow_run_id, crashes=MOST_CRASHES)

        assert _sweep(state, tmp_path, at_start=True) == (["job-1"], ["job-1:2"])
        state.jobs.update("job-1", status=JobStatus.RUNNING)
        assert _sweep(state, tmp_path) == ([], [])
        job = state.jobs.get("job-1")
        assert (job.status, "given up" in str(job.error)) == (JobStatus.FAILED, True)

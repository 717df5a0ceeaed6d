"""The warm worker against a real server: runs, cancellation, crashes, schedules."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from dataclasses import replace
from pathlib import Path
from typing import Any
from uuid import UUID

import psutil
import pytest

from tests.engine.polling import wait_until
from vidra.engine import runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.runs import RunInfo

pytestmark = [pytest.mark.usefixtures("working"), pytest.mark.slow]


def _trigger(name: str, **parameters: Any) -> RunInfo:
    return asyncio.run(runs.trigger(f"{name}/test", parameters))


def _end_of(run: RunInfo) -> RunInfo:
    async def last() -> RunInfo:
        async with asyncio.timeout(40):
            *_, final = [info async for info in runs.watch(run.flow_run_id)]
            return final

    return asyncio.run(last())


def _process_of(run: RunInfo) -> psutil.Process:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        identifier = client.read_flow_run(run.flow_run_id).infrastructure_pid  # type: ignore[arg-type]  # text does
    assert identifier is not None
    return psutil.Process(int(identifier.rpartition(":")[2]))


def test_a_triggered_run_completes_in_a_process_of_its_own() -> None:
    """The whole way: deployment name, server, worker, fork, flow, final state."""
    run = _end_of(_trigger("doubled", number=4))

    assert run.state_type == "COMPLETED"
    lines = [text for _, _, text in asyncio.run(runs.log_lines(run.flow_run_id))]
    assert "doubling 4" in lines


def test_the_same_key_gives_the_same_run() -> None:
    """A request that is sent twice starts one run."""

    async def twice() -> tuple[RunInfo, RunInfo]:
        ask = [runs.trigger("doubled/test", {"number": 1}, idempotency_key="job-1 attempt-1") for _ in "12"]
        return await ask[0], await ask[1]

    first, second = asyncio.run(twice())

    assert first.flow_run_id == second.flow_run_id


def test_a_failing_flow_is_failed_and_not_crashed() -> None:
    """Its process ends in order; Prefect has the flow's own error."""
    run = _end_of(_trigger("breaking"))

    assert run.state_type == "FAILED"
    assert "ZeroDivisionError" in run.message


def test_a_cancelled_run_cleans_up(tmp_path: Path) -> None:
    """A flow that listens gets to its clean-up, then Prefect shows Cancelled."""
    run = _trigger("waiting", folder=str(tmp_path))
    wait_until((tmp_path / "begun").exists)

    asyncio.run(runs.cancel(run.flow_run_id))

    assert _end_of(run).state_type == "CANCELLED"
    assert (tmp_path / "cleaned").exists()


def _cancelled_by_force(folder: Path) -> float:
    """Cancel a run that does not listen; return the seconds from `Cancelling` to the end of its program."""
    from prefect.client.orchestration import get_client

    folder.mkdir()
    run = _trigger("stubborn", folder=str(folder))
    wait_until((folder / "program").exists)
    program = psutil.Process(int((folder / "program").read_text()))

    asyncio.run(runs.cancel(run.flow_run_id))
    wait_until(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE, 10.0)
    gone = time.time()

    assert _end_of(run).state_type == "CANCELLED"
    assert (folder / "cancellation-hook").exists()
    with get_client(sync_client=True) as client:
        states = client.read_flow_run_states(UUID(run.flow_run_id))
    return gone - min(state.timestamp for state in states if state.is_cancelling()).timestamp()


def test_a_cancelled_run_that_does_not_listen_is_killed_with_its_programs(tmp_path: Path) -> None:
    """PF-10: nothing of the process group is left after 2 s, the cancellation hook has run."""
    took = [_cancelled_by_force(tmp_path / name) for name in ("one", "two", "three")]

    assert min(took) < 2.0  # of several, as the suite runs on busy machines
    assert max(took) < 6.0


def test_a_killed_run_is_crashed_and_its_programs_are_ended(tmp_path: Path) -> None:
    """PF-02: kill -9 of the run's process; the state says so and the crash hook has run."""
    run = _trigger("stubborn", folder=str(tmp_path))
    wait_until((tmp_path / "program").exists)
    program = psutil.Process(int((tmp_path / "program").read_text()))

    os.kill(_process_of(run).pid, signal.SIGKILL)

    crashed = _end_of(run)
    assert (crashed.state_type, "signal 9" in crashed.message) == ("CRASHED", True)
    wait_until(lambda: not program.is_running() or program.status() == psutil.STATUS_ZOMBIE)
    wait_until((tmp_path / "crashed-hook").exists)


def test_a_schedule_fires(tmp_path: Path) -> None:
    """PF-01: with the installed set of versions the scheduler creates runs and the worker runs them."""
    declared = Declaration(
        name="every second",
        entrypoint="tests.engine.sample_flows.ticking",
        pool="tests",
        parameters={"folder": str(tmp_path)},
        schedules=(Schedule(slug="0", interval=1.0),),
    )
    asyncio.run(apply_deployments([declared]))

    wait_until(lambda: len(list(tmp_path.iterdir())) >= 2, 90.0)

    asyncio.run(apply_deployments([replace(declared, schedules=())]))

"""After a crash Prefect's books are put in order, and nobody alive is touched."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest

from tests.engine.run_records import run_in_state
from vidra.engine import runs
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.recovery import Recovery
from vidra.engine.jobs.starter import PrefectStarter
from vidra.engine.reconcile import reconcile
from vidra.engine.runs import RunInfo
from vidra.engine.worker import owners
from vidra.settings import load_settings
from vidra.state import memory_state
from vidra.supervisor.identity import Identity

pytestmark = pytest.mark.usefixtures("connected")


def _reconcile(home: Path, **options: Any) -> set[str]:
    return {run.flow_run_id for run in asyncio.run(reconcile(home, **options))}


def _state(run: RunInfo) -> str:
    return asyncio.run(runs.read(run.flow_run_id)).state_type


def test_a_run_without_owner_is_crashed_and_told_about(tmp_path: Path) -> None:
    """PF-03: what a power cut leaves as Running is ended, and its job can be put back to work."""
    run = run_in_state("Running")
    told: list[str] = []

    asyncio.run(reconcile(tmp_path, on_dead=lambda dead: told.append(dead.flow_run_id)))

    assert _state(run) == "CRASHED"
    assert run.flow_run_id in told


def test_a_run_that_was_being_cancelled_is_cancelled(tmp_path: Path) -> None:
    """A person's wish survives the crash."""
    run = run_in_state("Running", "Cancelling")

    assert run.flow_run_id in _reconcile(tmp_path)
    assert _state(run) == "CANCELLED"


def test_a_run_whose_process_lives_is_not_touched(tmp_path: Path) -> None:
    """PF-04: this very process is the owner, and alive."""
    run = run_in_state("Running")

    with owners.owning(tmp_path, run.flow_run_id):
        assert run.flow_run_id not in _reconcile(tmp_path)

    assert _state(run) == "RUNNING"


def test_a_run_whose_owner_was_killed_is_crashed(tmp_path: Path) -> None:
    """The owner's file is still there, the owner is not (kill -9)."""
    run = run_in_state("Running")
    _leave_owner(tmp_path, run)
    assert owners.owner(tmp_path, run.flow_run_id) is not None

    assert run.flow_run_id in _reconcile(tmp_path, only_ours=True)
    assert owners.owner(tmp_path, run.flow_run_id) is None


def test_a_stranger_with_the_same_pid_is_no_owner(tmp_path: Path) -> None:
    """A pid that was reused does not keep a dead run alive."""
    run = run_in_state("Running")
    with owners.owning(tmp_path, run.flow_run_id):
        file = next((tmp_path / owners.FOLDER).iterdir())
        me = Identity.of(os.getpid())
        assert me is not None
        file.write_text(file.read_text().replace(str(me.started), str(me.started - 1)))

        assert run.flow_run_id in _reconcile(tmp_path)


def test_on_a_shared_server_the_runs_of_others_are_left_alone(tmp_path: Path) -> None:
    """Another machine's runs have no owner here, and may well live."""
    run = run_in_state("Running")

    assert run.flow_run_id not in _reconcile(tmp_path, only_ours=True)
    assert _state(run) == "RUNNING"


def _subflow_of(parent: RunInfo) -> RunInfo:
    """Make a run that a task of the parent's stands for, as Prefect does for a flow called in a flow."""

    async def make() -> RunInfo:
        from prefect import states

        from tests.engine.sample_flows import double, doubled

        async with runs.connected_client() as client:
            task = await client.create_task_run(
                double, flow_run_id=UUID(parent.flow_run_id), dynamic_key="0", state=states.Running()
            )
            run = await client.create_flow_run(
                doubled, parameters={"number": 1}, parent_task_run_id=task.id, state=states.Pending()
            )
            await client.set_flow_run_state(run.id, states.Running(), force=True)
            return await runs.read(str(run.id))

    return asyncio.run(make())


def test_a_subflow_dies_with_its_parent(tmp_path: Path) -> None:
    """Prefect shows it as running for ever otherwise: it has no process, and so no owner, of its own."""
    parent = run_in_state("Running")
    child = _subflow_of(parent)

    with owners.owning(tmp_path, parent.flow_run_id):
        assert not {parent.flow_run_id, child.flow_run_id} & _reconcile(tmp_path)
    assert {parent.flow_run_id, child.flow_run_id} <= _reconcile(tmp_path)

    assert (_state(parent), _state(child)) == ("CRASHED", "CRASHED")


def test_a_subflow_whose_parent_has_ended_is_dead(tmp_path: Path) -> None:
    """Its parent was marked before, by a worker or by a former start."""
    child = _subflow_of(run_in_state("Running", "Crashed"))

    assert child.flow_run_id in _reconcile(tmp_path, only_ours=True)


def test_a_run_that_nobody_could_tell_of_is_buried_while_the_engine_is_up(tmp_path: Path) -> None:
    """Its worker died with it; another start is not waited for. What is over already is only forgotten."""
    dead, over = run_in_state("Running"), run_in_state("Running", "Completed")
    for run in (dead, over):
        _leave_owner(tmp_path, run)
    with memory_state() as state:
        commands = JobCommands(state, PrefectStarter(), settings=load_settings(environ={}))
        asyncio.run(Recovery(state, commands, home=tmp_path).bury())

    assert (_state(dead), _state(over)) == ("CRASHED", "COMPLETED")
    assert owners.left_behind(tmp_path) == []


def _leave_owner(home: Path, run: RunInfo) -> None:
    code = (
        "import os, signal; from pathlib import Path; from vidra.engine.worker.owners import owning\n"
        f"with owning(Path({str(home)!r}), {run.flow_run_id!r}): os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code], check=False)

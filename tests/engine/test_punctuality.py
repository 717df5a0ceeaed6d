"""Runs that a real server's schedule made: missed ones become one, quiet hours are kept."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING
from uuid import UUID

import pytest

from tests.engine.polling import wait_until
from vidra.engine.deployments.applying import ChangeKind, apply_deployments
from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.declared import with_schedules
from vidra.engine.deployments.pacing import pacing_variables
from vidra.engine.runs import connected_client
from vidra.settings import ScheduleSettings

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

pytestmark = pytest.mark.usefixtures("connected")


def _hourly(name: str, quiet_hours: str | None = None) -> Declaration:
    wanted = ScheduleSettings(quiet_hours=quiet_hours)
    return Declaration(
        name=name,
        entrypoint="tests.engine.sample_flows.doubled",
        pool="nobody-works-here",
        parameters={"number": 1},
        schedules=(Schedule(slug="0", interval=3600.0),),
        job_variables=pacing_variables(wanted, None),
    )


def _runs(name: str) -> Sequence[FlowRun]:
    """Return the deployment's runs, the earliest first."""
    from prefect.client.schemas.filters import DeploymentFilter

    async def read() -> Sequence[FlowRun]:
        async with connected_client() as client:
            found = DeploymentFilter.model_validate({"name": {"any_": [name]}})
            return await client.read_flow_runs(deployment_filter=found)

    return sorted(asyncio.run(read()), key=_expected)


def _expected(run: FlowRun) -> datetime:
    assert run.expected_start_time is not None
    return run.expected_start_time


def _scheduled(declared: Declaration) -> Sequence[FlowRun]:
    """Deploy and return what the server's scheduler makes of it."""
    asyncio.run(apply_deployments([declared]))
    wait_until(lambda: len(_runs(declared.name)) >= 3, 60.0)
    return _runs(declared.name)


def _start_now(due: Sequence[FlowRun], now: datetime) -> set[UUID]:
    from vidra.engine.deployments.punctuality import start_now

    async def ask() -> set[UUID]:
        async with connected_client() as client:
            return await start_now(client, due, now=now)

    return asyncio.run(ask())


def test_missed_runs_become_one() -> None:
    """PF: an engine that comes back after hours runs what it missed once, and says so in the others."""
    first, second, third = _scheduled(_hourly("missed"))[:3]

    starting = _start_now([second, third, first], _expected(third))

    assert starting == {third.id}
    states = {run.id: run.state for run in _runs("missed")}
    for run in (first, second):
        state = states[run.id]
        assert state is not None
        assert (state.type.value, (state.message or "")[:7]) == ("CANCELLED", "Missed;")


def test_a_run_that_another_worker_has_begun_is_left_alone() -> None:
    """What a worker was told can be older than what another one did; no running run is cancelled."""
    first, second = _scheduled(_hourly("begun"))[:2]

    async def begin() -> None:
        from prefect.client.schemas.objects import State, StateType

        async with connected_client() as client:
            running: State[None] = State(type=StateType.RUNNING)
            await client.set_flow_run_state(first.id, running, force=True)

    asyncio.run(begin())
    assert _start_now([first, second], _expected(second)) == {second.id}

    assert _runs("begun")[0].state_name == "Running"


def test_a_run_in_quiet_hours_is_postponed_on_the_server() -> None:
    """It takes no process meanwhile, everybody sees until when it waits, and then it starts."""
    asyncio.run(apply_deployments([_hourly("quiet", "00:00-23:59")]))
    run = _scheduled(_hourly("quiet", "00:00-23:59"))[0]
    end = _expected(run).replace(hour=23, minute=59, second=0, microsecond=0)

    assert _start_now([run], _expected(run)) == set()
    waiting = next(one for one in _runs("quiet") if one.id == run.id)
    assert waiting.state is not None
    assert waiting.state.name == "Postponed"
    assert waiting.next_scheduled_start_time == end
    assert _expected(waiting) == _expected(run)
    assert _start_now([waiting], end + timedelta(seconds=1)) == {run.id}


def test_a_scheduled_run_does_not_overlap_the_one_before() -> None:
    """The server cancels the second, whichever worker asks; without a schedule the limit is gone."""
    (declared,) = with_schedules([_hourly("alone")], {})
    first, second = _scheduled(declared)[:2]

    async def begin() -> None:
        from prefect.client.schemas.objects import State, StateType

        async with connected_client() as client:
            for run in (first, second):
                pending: State[None] = State(type=StateType.PENDING)
                await client.set_flow_run_state(run.id, pending)

    asyncio.run(begin())
    assert [run.state_type and run.state_type.value for run in _runs("alone")[:2]] == ["PENDING", "CANCELLED"]
    bare = replace(_hourly("alone"), schedules=())
    kinds = [asyncio.run(apply_deployments([bare]))[0].kind for _ in "12"]
    assert kinds == [ChangeKind.UPDATE, ChangeKind.KEEP]


def test_quiet_hours_can_be_taken_away_again() -> None:
    """What is no longer declared leaves the server; what a person added to the variables stays."""
    quiet, plain = _hourly("taken-away", "22:00-06:00"), _hourly("taken-away")

    async def variables() -> dict[str, object] | None:
        async with connected_client() as client:
            return (await client.read_deployment_by_name("doubled/taken-away")).job_variables

    asyncio.run(apply_deployments([quiet]))
    assert asyncio.run(variables()) == {"vidra_quiet_hours": "22:00-06:00", "vidra_quiet_zone": "UTC"}
    (change,) = asyncio.run(apply_deployments([plain]))

    assert change.kind is ChangeKind.UPDATE
    assert asyncio.run(variables()) == {}

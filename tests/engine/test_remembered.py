"""What was applied is remembered, so that a start which changes nothing needs no Prefect."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from pathlib import Path

import pytest

from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.remembered import Remembered
from vidra.engine.runs import connected_client

pytestmark = [pytest.mark.usefixtures("connected"), pytest.mark.slow]

HOURLY = Declaration(
    name="remembered",
    entrypoint="tests.engine.sample_flows.doubled",
    pool="tests",
    parameters={"number": 1},
    schedules=(Schedule(slug="hour", cron="0 * * * *"),),
)


@pytest.fixture
def applied(tmp_path: Path) -> Remembered:
    """Return what is remembered of a deployment that has just been applied."""
    remembered = Remembered(tmp_path, [HOURLY])

    async def apply() -> None:
        await apply_deployments([HOURLY])
        await remembered.remember()

    asyncio.run(apply())
    return remembered


async def _pause() -> None:
    async with connected_client() as client:
        deployment = await client.read_deployment_by_name("doubled/remembered")
        await client.update_deployment_schedule(deployment.id, deployment.schedules[0].id, active=False)


async def _delete() -> None:
    async with connected_client() as client:
        deployment = await client.read_deployment_by_name("doubled/remembered")
        await client.delete_deployment(deployment.id)


@pytest.mark.parametrize(("change", "holds"), [(_pause, True), (_delete, False)])
def test_what_a_person_changed_is_seen_where_it_matters(
    applied: Remembered, change: Callable[[], Awaitable[None]], holds: bool
) -> None:
    """A paused schedule is a person's business; a deployment that is missing is declared again."""

    async def ask() -> bool:
        before = await applied.still_holds()
        await change()
        assert before
        return await applied.still_holds()

    assert asyncio.run(ask()) is holds


def test_another_declaration_is_not_what_was_applied(applied: Remembered, tmp_path: Path) -> None:
    """The server is not even asked."""
    later = replace(HOURLY, schedules=(Schedule(slug="hour", cron="30 * * * *"),))

    assert applied.is_declared()
    assert not Remembered(tmp_path, [later]).is_declared()


def test_a_home_without_memory_remembers_nothing(tmp_path: Path) -> None:
    """The first start applies everything."""
    assert not Remembered(tmp_path, [HOURLY]).is_declared()

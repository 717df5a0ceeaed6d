"""Deployments: what the file declares, the difference shown, a person's pause respected."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from vidra.datafiles import shipped
from vidra.engine.deployments.applying import Change, ChangeKind, apply_deployments
from vidra.engine.deployments.declarations import Declaration, Schedule, read_declarations
from vidra.engine.runs import connected_client
from vidra.errors import ConfigError

NIGHTLY = Declaration(
    name="nightly",
    entrypoint="tests.engine.sample_flows.doubled",
    pool="tests",
    parameters={"number": 1},
    schedules=(Schedule(slug="night", cron="0 3 * * *", timezone="Europe/Berlin"),),
    concurrency_limit=1,
    collision_strategy="CANCEL_NEW",
)


def _apply(declared: Declaration, *, dry_run: bool = False) -> Change:
    (change,) = asyncio.run(apply_deployments([declared], dry_run=dry_run))
    return change


@pytest.mark.usefixtures("connected")
def test_applying_twice_changes_nothing_the_second_time() -> None:
    """What the server has is compared with what is declared, field by field."""
    once = replace(NIGHTLY, name="twice")

    assert _apply(once).kind is ChangeKind.CREATE
    again = _apply(once)

    assert again == Change(deployment="doubled/twice", kind=ChangeKind.KEEP)


@pytest.mark.usefixtures("connected")
def test_a_dry_run_shows_the_difference_and_leaves_it() -> None:
    """The same plan is computed, and not carried out."""
    _apply(replace(NIGHTLY, name="dry"))
    later = replace(NIGHTLY, name="dry", schedules=(replace(NIGHTLY.schedules[0], cron="0 4 * * *"),))

    shown = _apply(later, dry_run=True)

    assert any("0 3 * * *" in line and "0 4 * * *" in line for line in shown.differences)
    assert _apply(later, dry_run=True) == shown


@pytest.mark.usefixtures("connected")
def test_a_schedule_that_a_person_paused_stays_paused() -> None:
    """An update of something else does not switch it on again."""
    declared = replace(NIGHTLY, name="paused")
    _apply(declared)

    async def pause() -> None:
        async with connected_client() as client:
            deployment = await client.read_deployment_by_name("doubled/paused")
            (schedule,) = deployment.schedules
            await client.update_deployment_schedule(deployment.id, schedule.id, active=False)

    async def active() -> list[bool]:
        async with connected_client() as client:
            deployment = await client.read_deployment_by_name("doubled/paused")
            return [schedule.active for schedule in deployment.schedules]

    asyncio.run(pause())
    assert _apply(replace(declared, description="changed")).kind is ChangeKind.UPDATE

    assert asyncio.run(active()) == [False]


def test_the_shipped_declarations_can_be_read() -> None:
    """Every entrypoint is a module path below `flows`."""
    declared = read_declarations(shipped("deployments") / "prefect.yaml")

    assert declared
    assert all(one.entrypoint.startswith("flows.") for one in declared)


def test_a_file_path_as_entrypoint_is_refused_with_its_place(tmp_path: Path) -> None:
    """A file path would load the flow as a second module."""
    file = tmp_path / "prefect.yaml"
    file.write_text("deployments:\n  - name: x\n    entrypoint: flows/x.py:x\n")

    with pytest.raises(ConfigError, match=r"prefect\.yaml:2: deployments\[0\]\.entrypoint"):
        read_declarations(file)

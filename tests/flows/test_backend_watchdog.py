"""The watchdog flow, run for real beside a supervisor with real back ends."""

from __future__ import annotations

import asyncio
import sys
import time
from typing import Any
from uuid import uuid4

import pytest

from tests.backends.desk import PROGRAM
from tests.flows.workshop import Workshop, ask_prefect
from tests.supervisor.conftest import anyio_backend
from vidra.engine.backends.standings import backend_records, backends_supervised, open_health
from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.interface import FlowOutcome, RunStatus
from vidra.engine.lifecycle.running import logs_folder, parts_folder
from vidra.settings import Settings, load_settings
from vidra.state.backend_health import SAMPLES_KEPT
from vidra.supervisor.interface import BackendState
from vidra.supervisor.supervisor import Supervisor

__all__ = ["anyio_backend"]
pytestmark = pytest.mark.anyio
S = BackendState
GOOD = """\
  {name}:
    command: [{python}, -S, {program}]
    port: auto
    first_port: 21000
    last_port: 29999
    health: /health
    startup_poll: 0.1
    term_grace: 0.5
"""
BROKEN = "  broken: {{command: [{python}, -S, -c, 'import no_such_module'], notify: [gave_up]}}\n"


@pytest.fixture
def names() -> tuple[str, str]:
    """Return names of two back ends of this test alone: the Prefect server is shared."""
    tag = uuid4().hex[:8]
    return f"good-{tag}", f"broken-{tag}"


def declare(workshop: Workshop, names: tuple[str, str]) -> Settings:
    """Declare one back end that is well and one that cannot be."""
    good, broken = names
    text = (GOOD.format(name=good, python=sys.executable, program=PROGRAM)
            + BROKEN.format(python=sys.executable).replace("broken:", f"{broken}:"))  # fmt: skip
    workshop.write_config("backends:\n" + text)
    return load_settings()


async def watch(**request: Any) -> FlowOutcome:
    """Run the flow in a thread, while the supervisor goes on in this one."""
    from vidra.engine.worker.execution import execute, load_flow

    flow = await asyncio.to_thread(load_flow, "flows.backend_watchdog.backend_watchdog")
    run = execute(flow, {"request": request}, asked=lambda: None, on_created=lambda _: None)
    return await asyncio.wait_for(asyncio.wrap_future(run), 90)


async def rounds(settings: Settings, names: tuple[str, str], *requests: dict[str, Any]) -> list[FlowOutcome]:
    """Supervise the two until one is well and one is given up, then run the flow once for each request."""
    async with (
        backend_records(settings) as recorder,
        Supervisor((), folder=parts_folder(settings), logs=logs_folder(settings)) as supervisor,
        backends_supervised(supervisor, settings, recorder),
    ):
        await supervisor.wait(names[0], {S.HEALTHY}, limit=20)
        await supervisor.wait(names[1], {S.FAILED}, limit=20)
        return [await watch(**request) for request in requests]


def tables(name: str) -> list[str]:
    """Return the health tables that tell of this back end."""
    found = ask_prefect("/artifacts/filter", {"artifacts": {"key": {"any_": ["backends"]}}})
    return [one["data"] for one in found if name in one["data"]]


def prefect_events(name: str) -> list[tuple[str, dict[str, Any]]]:
    """Return the events about this back end, once the server has some."""
    wanted = {"filter": {"resource": {"id": [f"vidra.backend.{name}"]}}}
    deadline = time.monotonic() + 30
    while not (events := ask_prefect("/events/filter", wanted)["events"]):
        assert time.monotonic() < deadline, "no event"
        time.sleep(0.2)
    return [(event["event"], event["payload"]) for event in events]


async def test_one_run_sees_all_keeps_all_and_tells_what_is_new(
    workshop: Workshop, names: tuple[str, str]
) -> None:
    """Item 5: answers in the ring, one table, changes with old and new state as events, each told once."""
    settings = declare(workshop, names)
    first, second = await rounds(settings, names, {"only_changes": True}, {"only_changes": True})

    assert (first.status, first.message) == (RunStatus.COMPLETED, "1 healthy, 1 failed")
    assert second.message == first.message
    health = open_health(settings)
    kept, told = health.samples(names[0]), health.told()
    health.close()
    assert [one.answer for one in kept] == ["good", "good"]
    assert told.number > 0
    (table,) = await asyncio.to_thread(tables, names[0])
    assert "failed" in table
    events = await asyncio.to_thread(prefect_events, names[0])
    changes = [(facts["old"], facts["new"]) for name, facts in events if name == "vidra.backend-status"]
    assert changes.count(("starting", "healthy")) == 1
    notices = await asyncio.to_thread(prefect_events, names[1])
    assert "a dependency is missing" in str(notices)


async def test_a_dry_run_only_looks(workshop: Workshop, names: tuple[str, str]) -> None:
    """Nobody is asked, nothing is kept, nothing is told."""
    settings = declare(workshop, names)
    (outcome,) = await rounds(settings, names, {"dry_run": True})

    health = open_health(settings)
    kept = health.samples(names[0])
    health.close()
    assert (outcome.status, outcome.message) == (RunStatus.COMPLETED, "1 healthy, 1 failed")
    assert (kept, await asyncio.to_thread(tables, names[0])) == ([], [])


async def test_without_a_supervisor_the_run_fails_and_says_why(
    workshop: Workshop, names: tuple[str, str]
) -> None:
    """A worker whose engine has gone must not look as if all were well."""
    declare(workshop, names)
    outcome = await watch()

    assert outcome.status is RunStatus.FAILED
    assert "start it with `vidra up`" in outcome.message


@pytest.mark.parametrize("count", [0, 1, 50])
async def test_any_number_of_back_ends_is_one_scheduled_run(count: int) -> None:
    """Nothing to watch, nothing scheduled; else one run in 30 s, and its ring keeps an hour."""
    section = {f"api{number}": {"health": "http://127.0.0.1:9/health"} for number in range(count)}
    declared = declared_deployments(Settings.model_validate({"backends": section}))
    (watchdog,) = [one for one in declared if one.name == "backend-watchdog"]

    assert len(watchdog.schedules) == min(count, 1)
    assert SAMPLES_KEPT * 30 == 3600

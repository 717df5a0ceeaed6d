"""The commands that join a Prefect server somebody else runs: deploy, worker; priorities and limits hold."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.cli.shell import Shell
from tests.engine.conftest import connected, engine_settings, server
from tests.engine.polling import wait_until
from tests.scale.postgres import free_port
from tests.site.server import MediaSite
from vidra.engine import runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.runs import RunInfo, connected_client

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

__all__ = ["connected", "engine_settings", "server"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


@pytest.fixture
def machine(tmp_path: Path, media_site: MediaSite, connected: EmbeddedServer) -> Iterator[Shell]:
    """Return a machine that is told of the server by the environment, as its owner would."""
    told = {name: connected.environment[name] for name in ("PREFECT_API_URL", "PREFECT_API_AUTH_STRING")}
    made = Shell(tmp_path, tmp_path / "data", media_site, shim=free_port(), variables=told)
    yield made
    made.kill_everything()


def _deploy(machine: Shell, *arguments: str) -> list[dict[str, Any]]:
    done = machine.run("deploy", "--json", *arguments)
    assert done.returncode == 0, done.stderr
    said: list[dict[str, Any]] = json.loads(done.stdout)
    return said


def _job(said: list[dict[str, Any]]) -> dict[str, Any]:
    return next(change for change in said if change.get("deployment") == "download-job/download-job")


def test_a_dry_run_shows_what_deploying_changes(machine: Shell) -> None:
    """Nothing is there after a dry run; applied it is; then only what the owner changes is shown."""
    assert _job(_deploy(machine, "--dry-run"))["change"] == "create"
    assert _job(_deploy(machine))["change"] == "create"
    assert {change["change"] for change in _deploy(machine)} == {"keep"}

    with machine.config.open("a", encoding="utf-8") as file:
        file.write("engine: {pool: elsewhere}\n")
    shown = [_job(_deploy(machine, "--dry-run")) for _ in "12"]

    assert shown[0] == shown[1]
    assert shown[0]["change"] == "update"
    assert any("vidra" in line and "elsewhere" in line for line in shown[0]["differences"])


def test_a_worker_has_a_name_a_limit_and_takes_urgent_runs_first(machine: Shell, tmp_path: Path) -> None:
    """`vidra worker --pool --limit --name`: one at a time, the better queue first, seen by Prefect."""
    asyncio.run(
        apply_deployments([Declaration(name="queued", entrypoint=FLOW, pool="priorities", parameters={})])
    )
    for name in ("later-0", "later-1", "urgent"):
        (tmp_path / name).mkdir()
    later = [asyncio.run(_ask(tmp_path / f"later-{n}", "later", 5)) for n in range(2)]
    urgent = asyncio.run(_ask(tmp_path / "urgent", "urgent", 1))
    machine.worker("--pool", "priorities", "--limit", "1", "--name", "the-only-one")

    wait_until(lambda: all(asyncio.run(runs.read(str(run.id))).final for run in (*later, urgent)), 60)

    ended = [asyncio.run(runs.read(str(run.id))) for run in (urgent, *later)]
    assert {run.state_type for run in ended} == {"COMPLETED"}
    first, second, third = sorted(ended, key=_started)
    assert first is ended[0]
    assert _ended(first) <= _started(second)
    assert _ended(second) <= _started(third)
    assert asyncio.run(_workers("priorities")) == [("the-only-one", "ONLINE")]


FLOW = "tests.engine.sample_flows.ticking"


async def _ask(folder: Path, queue: str, priority: int) -> FlowRun:
    """Ask for a run in a queue of this priority; 1 is the best."""
    from prefect.exceptions import ObjectAlreadyExists

    async with connected_client() as client:
        with suppress(ObjectAlreadyExists):
            await client.create_work_queue(name=queue, priority=priority, work_pool_name="priorities")
        found = await client.read_deployment_by_name("ticking/queued")
        return await client.create_flow_run_from_deployment(
            found.id, parameters={"folder": str(folder)}, work_queue_name=queue
        )


async def _workers(pool: str) -> list[tuple[str, str]]:
    async with connected_client() as client:
        found = await client.read_workers_for_work_pool(pool)
        return [(worker.name, worker.status.value) for worker in found]


def _started(run: RunInfo) -> float:
    assert run.started is not None
    return run.started.timestamp()


def _ended(run: RunInfo) -> float:
    assert run.ended is not None
    return run.ended.timestamp()

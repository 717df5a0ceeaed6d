"""A schedule whose worker was away, and one that is due more often than its run takes."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Final

import pytest

from tests.engine.polling import wait_until
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.declared import with_schedules
from vidra.engine.environment import child_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.runs import connected_client
from vidra.engine.worker.work import worker_command

if TYPE_CHECKING:
    from prefect.client.schemas.objects import FlowRun

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]
WAITING: Final = frozenset({"Scheduled", "Late"})


@dataclass(frozen=True, kw_only=True)
class Scheduled:
    """A deployment that runs by itself, in a pool where only this test's worker works."""

    name: str
    folder: Path
    every: float
    flow: str

    @contextmanager
    def deployed(self) -> Iterator[None]:
        """Have it declared as `vidra deploy` does, its concurrency limit included."""
        declared = Declaration(
            name=self.name,
            entrypoint=f"tests.engine.sample_flows.{self.flow}",
            pool=self.name,
            parameters={"folder": str(self.folder)},
            schedules=(Schedule(slug="0", interval=self.every),),
        )
        asyncio.run(apply_deployments(with_schedules([declared], {})))
        try:
            yield
        finally:
            asyncio.run(apply_deployments([replace(declared, schedules=())]))

    def runs(self) -> list[FlowRun]:
        """Return its runs, the earliest first."""
        from prefect.client.schemas.filters import DeploymentFilter

        async def read() -> list[FlowRun]:
            async with connected_client() as client:
                wanted = DeploymentFilter.model_validate({"name": {"any_": [self.name]}})
                return await client.read_flow_runs(deployment_filter=wanted, limit=200)

        return sorted(asyncio.run(read()), key=_expected)

    def begun(self) -> list[float]:
        """Return when runs of `ticking` began (Unix time): in Prefect a cancelled run has a start, too."""
        return [int(file.name) / 1e9 for file in self.folder.iterdir()]

    def due_before(self, moment: datetime) -> list[str]:
        """Return the names of the states of the runs that were due before the moment."""
        return [str(run.state_name) for run in self.runs() if _expected(run) < moment]


def _expected(run: FlowRun) -> datetime:
    assert run.expected_start_time is not None
    return run.expected_start_time


@contextmanager
def _worker(server: EmbeddedServer, pool: str) -> Iterator[None]:
    command = worker_command(pool=pool, limit=5, name="comes-and-goes")
    process = subprocess.Popen(command, env=child_environment(server.environment))
    try:
        yield
    finally:
        process.terminate()
        assert process.wait(40) == 0


@pytest.mark.parametrize(
    ("away", "every"),
    [(12.0, 2.0), pytest.param(300.0, 20.0, marks=[pytest.mark.long, pytest.mark.timeout(600)])],
)
def test_what_a_worker_missed_becomes_one_run(
    connected: EmbeddedServer, tmp_path: Path, away: float, every: float
) -> None:
    """PF-09: the server goes on making runs that nobody takes; at most two begin when the worker is back."""
    scheduled = Scheduled(name=f"missed-{every:g}", folder=tmp_path, every=every, flow="ticking")
    with scheduled.deployed():
        with _worker(connected, scheduled.name):
            wait_until(lambda: any(tmp_path.iterdir()), 90)
        time.sleep(away)  # the outage has the length it has
        left, before = datetime.now(UTC), len(list(tmp_path.iterdir()))
        waiting = [name for name in scheduled.due_before(left) if name in WAITING]
        assert len(waiting) >= away / every - 2

        with _worker(connected, scheduled.name):
            wait_until(lambda: len(list(tmp_path.iterdir())) > before, 60)
            back = datetime.now(UTC)
            wait_until(lambda: not WAITING & set(scheduled.due_before(left)), 30)
            begun = [moment for moment in scheduled.begun() if left.timestamp() < moment < back.timestamp()]

    sys.stdout.write(f"{len(waiting)} runs were missed in {away:g} s; {len(begun)} began at once\n")
    assert 1 <= len(begun) <= 2
    assert scheduled.due_before(left).count("Cancelled") >= len(waiting) - 1


def test_runs_of_one_deployment_never_overlap(connected: EmbeddedServer, tmp_path: Path) -> None:
    """Due every second and two seconds long: one after the other, and what cannot begin is cancelled."""
    scheduled = Scheduled(name="overlapping", folder=tmp_path, every=1.0, flow="lingering")
    with scheduled.deployed(), _worker(connected, scheduled.name):
        wait_until(lambda: len(list(tmp_path.glob("*-end"))) >= 3, 90)

    spans = sorted((int(one.stem.split("-")[0]), int(one.read_text())) for one in tmp_path.glob("*-end"))
    assert all(end <= begin for (_, end), (begin, _) in pairwise(spans))
    assert "Cancelled" in {run.state_name for run in scheduled.runs()}

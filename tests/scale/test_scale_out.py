"""Several machines on one Prefect server with PostgreSQL: the same commands, limits that hold for all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.scale.shared_server import AUTH, SharedServer
from tests.site.server import Request
from vidra.engine import runs
from vidra.engine.environment import applied, prefect_environment
from vidra.engine.runs import RunInfo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


FLOW = "download-job/download-job"


@contextmanager
def connected(server: SharedServer) -> Iterator[None]:
    """Be a client of the server."""
    with TemporaryDirectory() as home:
        environment = prefect_environment(home=Path(home), auth=AUTH, history_days=1, api_url=server.api_url)
        with applied(environment):
            yield


def _ended(began: Sequence[RunInfo], *, within: float) -> Sequence[RunInfo]:
    """Return the runs when all of them have ended, or as they are when the time is over."""

    def now() -> Sequence[RunInfo]:
        return [asyncio.run(runs.read(run.flow_run_id)) for run in began]

    with suppress(AssertionError):
        wait_until(lambda: all(run.final for run in now()), within)
    return now()


def _most_at_once(requests: Sequence[Request]) -> int:
    """Return how many bodies were under way at the same time."""
    edges = sorted([(r.at, 1) for r in requests] + [(r.until or r.at, -1) for r in requests])
    most = now = 0
    for _, step in edges:
        now += step
        most = max(most, now)
    return most


def test_two_machines_share_one_queue_and_one_limit(
    shared: SharedServer, machines: tuple[Shell, Shell]
) -> None:
    """Issue 3, item 6: both workers take runs of the pool, and together they never exceed two downloads."""
    one, two = machines
    for machine in machines:
        with machine.config.open("a", encoding="utf-8") as file:
            file.write("limits: {downloads: 2}\nengine: {worker_limit: 3}\n")
    one.up()  # PREFECT_API_URL is set: no server of its own
    two.worker("--name", "second", "--limit", "3")
    tag = f"tag{one.shim}"
    with connected(shared):
        began = [asyncio.run(runs.trigger(FLOW, _request(one, f"{tag}n{n}"))) for n in range(6)]
        ended = _ended(began, within=120)

    assert {run.state_type for run in ended} == {"COMPLETED"}, ended
    fetched = [request for request in one.site.requests(tag) if request.path.startswith("/f/")]
    assert len(fetched) >= 6
    assert _most_at_once(fetched) == 2
    assert len(one.shelf()) + len(two.shelf()) == 6
    assert min(len(one.shelf()), len(two.shelf())) > 0
    assert not [process for process in one.processes() if "vidra.engine.lifecycle.serve" in process.cmdline()]


def _request(machine: Shell, tag: str) -> dict[str, object]:
    return {"request": {"urls": [machine.site.url(f"/p/rate150000,{tag}/m/vid001.mp4")]}}

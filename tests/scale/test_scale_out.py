"""Several machines on one Prefect server with PostgreSQL: the same commands, limits that hold for all."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.scale.shared_server import AUTH, SharedServer
from tests.site.server import Request
from vidra.engine import runs
from vidra.engine.declarations import Declaration
from vidra.engine.deployments import apply_deployments
from vidra.engine.environment import applied, prefect_environment
from vidra.engine.limits import DOWNLOADS, GlobalLimit, apply_limits
from vidra.engine.runs import RunInfo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


PULLING = Declaration(
    name="shared", entrypoint="tests.engine.sample_flows.pulling", pool="vidra", parameters={}
)


@contextmanager
def connected(server: SharedServer) -> Iterator[None]:
    """Be a client of the server."""
    with TemporaryDirectory() as home:
        environment = prefect_environment(home=Path(home), auth=AUTH, history_days=1, api_url=server.api_url)
        with applied(environment):
            yield


def _state(run: RunInfo) -> str:
    return asyncio.run(runs.read(run.flow_run_id)).state_type


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
    one.up("--no-server")
    two.worker("--name", "second", "--limit", "3")
    with connected(shared):
        asyncio.run(apply_limits([GlobalLimit(name=DOWNLOADS, slots=2)]))
        asyncio.run(apply_deployments([PULLING]))
        tag = f"tag{one.shim}"
        url = one.site.url(f"/f/rate60000,{tag}/m/vid001.mp4")
        began = [asyncio.run(runs.trigger("pulling/shared", {"url": url})) for _ in range(6)]
        wait_until(lambda: all(_state(run) == "COMPLETED" for run in began), 120)
    assert _most_at_once(one.site.requests(tag)) == 2

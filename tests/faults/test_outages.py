"""The Prefect server is away during a download: the download goes on, and its end is recorded afterwards."""

from __future__ import annotations

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import bytes_per_address, finished, jobs, runs_of, unfinished_runs
from tests.scale.postgres import free_port
from tests.scale.shared_server import SharedServer, shared_server
from tests.site.server import MediaSite

pytestmark = [pytest.mark.slow]


@pytest.fixture
def outside(tmp_path: Path) -> Iterator[SharedServer]:
    """Run a server that nobody looks after: when it is gone it stays gone."""
    folder = tmp_path / "server"
    folder.mkdir()
    database = f"sqlite+aiosqlite:///{folder}/prefect.db"
    with shared_server(folder, database=database, redis_port=None) as server:
        yield server


@pytest.fixture
def machine(tmp_path: Path, media_site: MediaSite, outside: SharedServer) -> Iterator[Shell]:
    """Return a machine that joins the server."""
    made = Shell(tmp_path, tmp_path / "data", media_site, shim=free_port(), variables=outside.variables)
    yield made
    made.kill_everything()


def _survives(machine: Shell, outside: SharedServer, *, seconds: float, killed: bool) -> None:
    """Take the server away while a download is under way, which ends before the server is back."""
    tag = f"tag{machine.shim}{'k' if killed else 's'}"
    rate = int(machine.site.file("m/vid001.mp4").stat().st_size / 8)  # about eight seconds
    path = f"/p/rate{rate},etag1,{tag}/m/vid001.mp4"
    asked = machine.run("flow", "run", "download-job", machine.site.url(path), "--detach")
    assert asked.returncode == 0, asked.stderr
    wait_until(lambda: any(part.stat().st_size for part in machine.root.rglob("*.part")), 60)

    began = time.monotonic()
    outside.send(signal.SIGKILL if killed else signal.SIGSTOP)
    wait_until(lambda: finished(machine), min(seconds, 100.0))
    time.sleep(max(0.0, seconds - (time.monotonic() - began)))  # the outage has the length it has
    if killed:
        outside.start()
    else:
        outside.send(signal.SIGCONT)

    wait_until(lambda: not unfinished_runs(machine), 120)
    assert runs_of(machine, tag) == ["COMPLETED"]
    assert [len(job["flow_run_ids"]) for job in jobs(machine)] == [1]
    assert len(bytes_per_address(machine, tag)) == 1
    assert len([one for one in machine.site.requests(tag) if one.path.startswith("/f/")]) <= 2
    assert finished(machine)


@pytest.mark.long
@pytest.mark.timeout(1800)
@pytest.mark.parametrize("killed", [True, False], ids=["killed", "stopped"])
@pytest.mark.parametrize("seconds", [60.0, 180.0, 600.0])
def test_a_download_outlives_a_server_that_is_away_for_long(
    machine: Shell, outside: SharedServer, *, killed: bool, seconds: float
) -> None:
    """PF-07, long; short in test_kills: Prefect alone marks the finished work Crashed after three minutes."""
    machine.up()
    _survives(machine, outside, seconds=seconds, killed=killed)
    machine.down()

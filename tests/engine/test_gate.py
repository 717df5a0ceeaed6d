"""Parts are begun together and do nothing before everything is in order."""

from __future__ import annotations

import asyncio
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from tests.engine.polling import wait_until
from vidra.engine import runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.environment import child_environment
from vidra.engine.lifecycle.gate import Gate, await_server, is_open
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.worker.work import AT_WORK, worker_command

POOL = "held"


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """Return a closed gate."""
    with Gate(tmp_path / "gate") as closed:
        yield closed


def test_a_part_learns_the_address_before_it_may_begin(gate: Gate) -> None:
    """To connect takes time of its own, and changes nothing."""
    environment = dict(gate.environment)
    gate.announce("http://127.0.0.1:4200/api")
    await_server(environment)

    assert environment["PREFECT_API_URL"] == "http://127.0.0.1:4200/api"
    assert not is_open(environment)
    gate.open()
    assert is_open(environment)


def test_a_part_that_nobody_holds_begins_at_once() -> None:
    """`vidra worker` and `prefect worker start` have no gate."""
    environment: dict[str, str] = {}
    await_server(environment)

    assert is_open(environment)
    assert environment == {}


def test_what_a_killed_engine_left_open_is_closed(tmp_path: Path) -> None:
    """Its parts are gone; those of the next one wait again."""
    killed = Gate(tmp_path / "gate")
    killed.announce("http://127.0.0.1:1/api")
    killed.open()

    with Gate(tmp_path / "gate") as closed:
        assert not is_open(closed.environment)
        assert not closed.is_at_work("worker")
        assert list(tmp_path.iterdir()) == []


def test_who_waits_ends_with_who_would_open(tmp_path: Path) -> None:
    """Where no kernel ends the parts of a killed engine, they see it themselves, however early it died."""
    code = (
        "import os, pathlib, subprocess, time; from vidra.engine.lifecycle.gate import Gate, gated_command\n"
        f"with Gate(pathlib.Path({str(tmp_path / 'gate')!r})) as gate:\n"
        "    command = gated_command('vidra.engine.lifecycle.programs')\n"
        "    print(subprocess.Popen(command, env={**os.environ, **gate.environment}).pid, flush=True)\n"
        "    time.sleep(60)"
    )
    opener = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    assert opener.stdout is not None
    part = psutil.Process(int(opener.stdout.readline()))
    opener.send_signal(signal.SIGKILL)
    opener.wait()
    opener.stdout.close()

    wait_until(lambda: not part.is_running() or part.status() == psutil.STATUS_ZOMBIE)


@pytest.mark.slow
@pytest.mark.usefixtures("connected")
def test_a_held_worker_is_there_and_takes_no_run(server: EmbeddedServer, gate: Gate, tmp_path: Path) -> None:
    """It shows itself to Prefect; the run waits until the gate is open, and then begins."""
    declared = Declaration(
        name=POOL, entrypoint="tests.engine.sample_flows.ticking", pool=POOL,
        parameters={"folder": str(tmp_path)},
    )  # fmt: skip
    asyncio.run(apply_deployments([declared]))
    run = asyncio.run(runs.trigger(f"ticking/{POOL}", {}))
    environment = child_environment(server.environment) | dict(gate.environment)
    worker = subprocess.Popen(worker_command(pool=POOL), env=environment)
    try:
        gate.announce(server.api_url)
        wait_until(lambda: _workers(server) == 1, 60)
        assert asyncio.run(runs.read(run.flow_run_id)).state_type == "SCHEDULED"
        assert not gate.is_at_work(AT_WORK)
        gate.open()
        wait_until(lambda: asyncio.run(runs.read(run.flow_run_id)).state_type == "COMPLETED", 60)
        assert gate.is_at_work(AT_WORK)
    finally:
        worker.terminate()
        worker.wait(60)


def _workers(server: EmbeddedServer) -> int:
    name, _, password = server.environment["PREFECT_API_AUTH_STRING"].partition(":")
    with httpx.Client(base_url=server.api_url, auth=(name, password)) as client:
        caller = {"Prefect-Csrf-Client": POOL}
        token = client.get("/csrf-token", params={"client": POOL}).json()["token"]
        path = f"/work_pools/{POOL}/workers/filter"
        return len(client.post(path, json={}, headers=caller | {"Prefect-Csrf-Token": token}).json())

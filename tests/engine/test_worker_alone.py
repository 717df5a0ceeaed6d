"""Workers as programs of their own: Prefect's command line, and what a killed one leaves behind."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psutil
import pytest

from tests.engine.polling import wait_until
from vidra.engine import runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.environment import child_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.runs import RunInfo

pytestmark = [pytest.mark.usefixtures("connected"), pytest.mark.slow]

BUSY = 60.0
"""Seconds that a worker gets to come up on a machine that is busy with other tests."""


@contextmanager
def _worker(server: EmbeddedServer, pool: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker by Prefect's own command."""
    command = ["-m", "prefect", "worker", "start", "--type", "vidra", "--pool", pool, "--name", pool]
    process = subprocess.Popen([sys.executable, *command], env=child_environment(server.environment))
    try:
        yield process
    finally:
        process.terminate()
        process.wait(90)


def _declare(pool: str, flow: str, **parameters: str) -> None:
    declared = Declaration(
        name=pool,
        entrypoint=f"tests.engine.sample_flows.{flow}",
        pool=pool,
        parameters=parameters,
        schedules=(),
    )
    asyncio.run(apply_deployments([declared]))


def _state(run: RunInfo) -> str:
    return asyncio.run(runs.read(run.flow_run_id)).state_type


def _nursery_of(worker: subprocess.Popen[bytes]) -> psutil.Process:
    children = psutil.Process(worker.pid).children()
    return next(child for child in children if "vidra.engine.worker.nursery" in child.cmdline())


def _gone(process: psutil.Process) -> bool:
    return not process.is_running() or process.status() == psutil.STATUS_ZOMBIE


def test_prefects_own_command_starts_our_worker(server: EmbeddedServer, tmp_path: Path) -> None:
    """`prefect worker start --type vidra --pool …` works, and its run is forked from a nursery."""
    _declare("plain-command", "ticking", folder=str(tmp_path))
    run = asyncio.run(runs.trigger("ticking/plain-command", {}))

    with _worker(server, "plain-command"):
        wait_until(lambda: _state(run) == "COMPLETED", BUSY)

    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("whom", ["worker", "nursery"])
def test_no_run_outlives_its_killed_parents(server: EmbeddedServer, tmp_path: Path, whom: str) -> None:
    """PF-02: the run's process ends in order, and Prefect does not show it as running."""
    _declare(f"killed-{whom}", "waiting", folder=str(tmp_path))
    run = asyncio.run(runs.trigger(f"waiting/killed-{whom}", {}))
    with _worker(server, f"killed-{whom}") as worker:
        wait_until((tmp_path / "begun").exists, BUSY)
        nursery = _nursery_of(worker)
        (child,) = nursery.children()

        os.kill(worker.pid if whom == "worker" else nursery.pid, signal.SIGKILL)

        wait_until(lambda: _gone(child) and _gone(nursery), BUSY)
        wait_until(lambda: _state(run) == "CRASHED", BUSY)
    assert (tmp_path / "cleaned").exists()


@pytest.mark.long
def test_a_cancelled_run_is_gone_within_two_seconds(server: EmbeddedServer, tmp_path: Path) -> None:
    """PF-10 on a quiet machine: from the API call to the end of the whole process group."""
    _declare("cancelled", "stubborn", folder=str(tmp_path))
    run = asyncio.run(runs.trigger("stubborn/cancelled", {}))
    with _worker(server, "cancelled"):
        wait_until((tmp_path / "program").exists, BUSY)
        program = psutil.Process(int((tmp_path / "program").read_text()))
        began = time.monotonic()

        asyncio.run(runs.cancel(run.flow_run_id))
        wait_until(lambda: _gone(program))

        assert time.monotonic() - began < 2.0

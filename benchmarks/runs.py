"""What a flow run costs before its first line: our worker next to Prefect's own, and many runs at once."""

from __future__ import annotations

import asyncio
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from benchmarks.figures import Figure
from benchmarks.processes import LIMIT, SHORT, cpu_seconds, ended, family_of
from tests.engine.crowds import Crowd, all_at_once
from vidra.engine import runs
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declarations import Declaration
from vidra.engine.environment import applied, child_environment, embedded_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.runs import connected_client
from vidra.engine.worker.work import worker_command
from vidra.settings import load_settings

OURS: Final = 8 if SHORT else 20
STOCK: Final = 2 if SHORT else 6
"""Runs that are measured; each of a stock worker takes seconds."""
CROWD: Final = 30 if SHORT else 200
FLOW: Final = "tests.engine.sample_flows.ticking"
_STOCK_WORKER: Final = ("-m", "prefect", "worker", "start", "--type", "process", "--pool", "stock")


def run() -> list[Figure]:
    """Measure; takes about three minutes, one with BENCH_SHORT=1."""
    print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        settings = load_settings(overrides={"storage.data_dir": Path(folder) / "data"}, environ={})
        with EmbeddedServer(embedded_environment(settings)) as server, applied(server.environment):
            asyncio.run(_declare(folder))
            with _working(server.environment, worker_command(pool="warm", limit=8)) as pid:
                ours, our_cpu = _measured("warm", pid, OURS)
                crowd = asyncio.run(all_at_once("ticking/warm", CROWD, limit=4 * LIMIT))
            with _working(server.environment, [sys.executable, *_STOCK_WORKER]) as pid:
                theirs, their_cpu = _measured("stock", pid, STOCK)
    return [*_latency(ours, our_cpu, theirs, their_cpu), *_crowd(crowd)]


def _latency(ours: list[float], our_cpu: float, theirs: list[float], their_cpu: float) -> list[Figure]:
    median, peer = statistics.median(ours), statistics.median(theirs)
    p95 = sorted(ours)[max(0, round(len(ours) * 0.95) - 1)]
    name = "request to RUNNING, warm"
    return [
        Figure(name=f"{name}: median", ours=median, unit="s", target=0.7),
        Figure(name=f"{name}: p95", ours=p95, unit="s", target=1.5),
        Figure(name=f"{name}: median", ours=median, unit="s", peer=peer, peer_name="process worker",
               target=1 / 4, target_is_ratio=True),
        Figure(name="CPU of the worker's processes per empty run", ours=our_cpu, unit="s", peer=their_cpu,
               peer_name="process worker", target=1 / 5, target_is_ratio=True),
    ]  # fmt: skip


def _crowd(crowd: Crowd) -> list[Figure]:
    name = f"{crowd.asked} empty runs asked for at once"
    return [
        Figure(name=f"{name}: not completed", ours=crowd.asked - crowd.completed, unit="runs", target=0.0),
        Figure(name=f"{name}: requests refused", ours=crowd.refused, unit="requests", target=0.0),
        Figure(name=f"{name}: slots still taken", ours=crowd.slots, unit="slots", target=0.0),
        Figure(name=f"{name}: until the last has ended", ours=crowd.seconds, unit="s"),
    ]


async def _declare(folder: str) -> None:
    """Deploy the same flow to our kind of pool and to the stock one."""
    async with connected_client() as client:
        from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415 - after the settings
        from prefect.workers.process import ProcessWorker  # noqa: PLC0415 - the same

        template = ProcessWorker.get_default_base_job_template()
        await client.create_work_pool(
            WorkPoolCreate(name="stock", type="process", base_job_template=template)
        )
    for pool in ("warm", "stock"):
        declared = Declaration(name=pool, entrypoint=FLOW, pool=pool, parameters={"folder": folder})
        await apply_deployments([declared])


@contextmanager
def _working(environment: Mapping[str, str], command: Sequence[str]) -> Iterator[int]:
    """Run a worker; yield its pid."""
    ours = child_environment(environment) | {"PYTHONPATH": str(Path.cwd())}
    worker = subprocess.Popen(command, env=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with ended(worker):
        yield worker.pid


def _measured(pool: str, pid: int, times: int) -> tuple[list[float], float]:
    """Return the seconds from each request to RUNNING, and the CPU seconds per run of the worker's family."""
    for _ in range(2):
        _wait(pool)  # the first ones wait for the worker itself
    family = family_of(pid)
    before = cpu_seconds(family, with_children=True)
    waits = []
    for _ in range(times):
        waits.append(_wait(pool))
        time.sleep(0.5)
    return waits, (cpu_seconds(family, with_children=True) - before) / times


def _wait(pool: str) -> float:
    async def ask() -> float:
        asked = time.time()
        run = await runs.trigger(f"ticking/{pool}", {})
        while not run.final:
            assert time.time() < asked + LIMIT, f"the run of {pool} does not end"
            await asyncio.sleep(0.25)
            run = await runs.read(run.flow_run_id)
        assert run.started is not None, run
        return run.started.timestamp() - asked

    return asyncio.run(ask())

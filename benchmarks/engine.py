"""What the engine costs: a run's start, a download through it, its idling and its own start."""

from __future__ import annotations

import asyncio
import os
import shutil
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import httpx
import psutil

from benchmarks.figures import Figure, median_seconds
from benchmarks.flow import write_config
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve
from vidra.engine import runs
from vidra.engine.declarations import Declaration
from vidra.engine.deployments import apply_deployments
from vidra.engine.environment import applied, child_environment, embedded_environment
from vidra.engine.runs import connected_client
from vidra.engine.server import EmbeddedServer
from vidra.engine.work import worker_command
from vidra.settings import load_settings

OURS: Final = 20
STOCK: Final = 6
"""Runs that are measured; each of a stock worker takes seconds."""
IDLE: Final = 60.0
"""Seconds of idling that are measured."""
FLOW: Final = "tests.engine.sample_flows.ticking"
LIMIT: Final = 120.0


def run() -> list[Figure]:
    """Measure; takes about five minutes."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        config = write_config(root, site)
        print(f"load {os.getloadavg()[0]:.1f} on {os.cpu_count()} cores", flush=True)
        return [*_starts(config, root), *_engine(config, root, site), *_runs(root)]


def _starts(config: Path, root: Path) -> list[Figure]:
    def ours() -> None:
        with _up(config):
            pass

    def bare() -> None:
        with _bare_server(root / "bare"):
            pass

    began, peer = _begun(ours), _begun(bare)
    return [
        Figure(name="`vidra up` to ready", ours=began, unit="s", peer=peer,
               peer_name="prefect server start", target=1.3, target_is_ratio=True),
    ]  # fmt: skip


def _begun(start: Callable[[], None], *, times: int = 3) -> float:
    """Return the median of the seconds until ready, which `_up` and `_bare_server` note; stopping is free."""
    start()
    _READY.clear()
    for _ in range(times):
        start()
    return statistics.median(_READY)


_READY: list[float] = []


@contextmanager
def _up(config: Path) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-m", "vidra.cli", "--config", str(config), "up"]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    with _ended(process):
        _await_ready(process)
        _READY.append(time.perf_counter() - began)
        yield process


def _await_ready(process: subprocess.Popen[str]) -> None:
    assert process.stdout is not None
    lines: list[str] = []
    for line in process.stdout:
        lines.append(line)
        if line.startswith("Ready"):
            return
    raise RuntimeError("".join(lines))


@contextmanager
def _bare_server(home: Path) -> Iterator[subprocess.Popen[bytes]]:
    port = _free_port()
    environment = os.environ | {"PREFECT_HOME": str(home), "DO_NOT_TRACK": "1"}
    command = [sys.executable, "-m", "prefect", "server", "start", "--port", str(port)]
    began = time.perf_counter()
    process = subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with _ended(process):
        _until(lambda: _answers(f"http://127.0.0.1:{port}/api/health"))
        _READY.append(time.perf_counter() - began)
        yield process


def _engine(config: Path, root: Path, site: MediaSite) -> list[Figure]:
    with _up(config) as process:
        ours = median_seconds(lambda: _download(config, root, site), times=5)
        plain = median_seconds(lambda: _yt_dlp(root, site), times=5)
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        before = _cpu(family)
        time.sleep(IDLE)
        busy = 100 * (_cpu(family) - before) / IDLE
        size = sum(member.memory_full_info().pss for member in family) / 1e6
    return [
        Figure(name="24 MB file through the running engine: total minus plain yt-dlp", ours=ours - plain,
               unit="s", peer=plain, peer_name="yt-dlp", target=1.5),
        Figure(name="idle engine, all processes: share of one core", ours=busy, unit="%", target=3.0),
        Figure(name="idle engine, all processes: proportional set size", ours=size, unit="MB", target=600.0),
    ]  # fmt: skip


def _download(config: Path, root: Path, site: MediaSite) -> None:
    shutil.rmtree(root / "library", ignore_errors=True)
    command = [
        sys.executable,
        "-m",
        "vidra.cli",
        "--config",
        str(config),
        "flow",
        "run",
        "download-job",
        "-q",
    ]
    subprocess.run([*command, site.url("/m/big.mp4")], check=True)


def _yt_dlp(root: Path, site: MediaSite) -> None:
    shutil.rmtree(root / "plain", ignore_errors=True)
    command = [sys.executable, "-m", "yt_dlp", "--ignore-config", "--quiet", "-P", str(root / "plain")]
    subprocess.run([*command, site.url("/m/big.mp4")], check=True)


def _runs(root: Path) -> list[Figure]:
    settings = load_settings(overrides={"storage.data_dir": root / "runs"}, environ={})
    with EmbeddedServer(embedded_environment(settings)) as server, applied(server.environment):
        asyncio.run(_declare(str(root)))
        ours, our_cpu = _waits(server.environment, worker_command(pool="warm"), "warm", OURS)
        stock = [sys.executable, "-m", "prefect", "worker", "start", "--type", "process", "--pool", "stock"]
        theirs, their_cpu = _waits(server.environment, stock, "stock", STOCK)
    median, peer = statistics.median(ours), statistics.median(theirs)
    p95 = sorted(ours)[int(len(ours) * 0.95) - 1]
    name = "request to RUNNING, warm"
    return [
        Figure(name=f"{name}: median", ours=median, unit="s", target=0.7),
        Figure(name=f"{name}: p95", ours=p95, unit="s", target=1.5),
        Figure(name=f"{name}: median", ours=median, unit="s", peer=peer, peer_name="process worker",
               target=1 / 4, target_is_ratio=True),
        Figure(name="CPU of the worker's processes per empty run", ours=our_cpu, unit="s", peer=their_cpu,
               peer_name="process worker", target=1 / 5, target_is_ratio=True),
    ]  # fmt: skip


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


def _waits(
    environment: Mapping[str, str], command: Sequence[str], pool: str, times: int
) -> tuple[list[float], float]:
    """Return the seconds from each request to RUNNING, and the CPU seconds per run of the worker's family."""
    ours = child_environment(environment) | {"PYTHONPATH": str(Path.cwd())}
    worker = subprocess.Popen(command, env=ours, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    with _ended(worker):
        for _ in range(2):
            _wait(pool)  # the first ones wait for the worker itself
        family = [psutil.Process(worker.pid), *psutil.Process(worker.pid).children(recursive=True)]
        before = _cpu(family, with_children=True)
        waits = [_wait(pool) for _ in range(times)]
        return waits, (_cpu(family, with_children=True) - before) / times


def _wait(pool: str) -> float:
    async def ask() -> float:
        asked = time.time()
        run = await runs.trigger(f"ticking/{pool}", {})
        while not run.final:
            assert time.time() < asked + LIMIT, f"the run of {pool} does not end"
            await asyncio.sleep(0.1)
            run = await runs.read(run.flow_run_id)
        assert run.started is not None, run
        return run.started.timestamp() - asked

    return asyncio.run(ask())


def _cpu(family: Sequence[psutil.Process], *, with_children: bool = False) -> float:
    total = 0.0
    for member in family:
        if not member.is_running():
            continue
        times = member.cpu_times()
        total += times.user + times.system
        if with_children:
            total += times.children_user + times.children_system
    return total


@contextmanager
def _ended(process: subprocess.Popen[str] | subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.terminate()
        process.wait(60)
        if process.stdout is not None:
            process.stdout.close()


def _answers(url: str) -> bool:
    try:
        return httpx.get(url, timeout=1.0).is_success
    except httpx.TransportError:
        return False


def _until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + LIMIT
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port

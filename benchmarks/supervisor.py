"""How quickly the supervisor notices, what it leaks, and what it costs to have it."""

from __future__ import annotations

import asyncio
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from benchmarks.figures import Figure
from vidra.supervisor.identity import all_stats
from vidra.supervisor.interface import BackendSpec, BackendState, HealthSpec, PortSpec, Timings
from vidra.supervisor.members import find_members
from vidra.supervisor.supervisor import Supervisor

CYCLES = 100
RESTARTS = 5
BACK_ENDS = 50
IDLE_SECONDS = 60.0
QUICK = Timings(restart_delay=0.05, startup_poll=0.05, crash_limit=CYCLES * 2)

SERVER = """
import http.server, sys
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200); self.send_header("Content-Length", "0"); self.end_headers()
    def log_message(self, *_): pass
http.server.ThreadingHTTPServer.request_queue_size = 128  # the default of 5 would measure TCP's own retries
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Handler)
print(server.server_address[1], flush=True)
server.serve_forever()
"""
SLEEPER = (sys.executable, "-I", "-S", "-c", "import time; time.sleep(3600)")


def run() -> list[Figure]:
    """Measure crash cycles first, then idleness at the specification's own intervals."""
    with health_server() as url, tempfile.TemporaryDirectory() as folder:
        cycles = asyncio.run(crash_cycles(Path(folder) / "cycles", url))
        restarts = asyncio.run(restarts_as_shipped(Path(folder) / "restarts"))
        return [*cycles, *restarts, *asyncio.run(idle(Path(folder) / "idle", url))]


@contextmanager
def health_server() -> Iterator[str]:
    """Answer every health probe from another process, so that only our own cost is measured."""
    process = subprocess.Popen([sys.executable, "-c", SERVER, "0"], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield f"http://127.0.0.1:{process.stdout.readline().strip()}/health"
    finally:
        process.kill()
        process.communicate()


async def crash_cycles(folder: Path, url: str) -> list[Figure]:
    """Kill one back end a hundred times; its own start is nothing, so all seconds are ours."""
    spec = BackendSpec(name="api", command=SLEEPER, health=HealthSpec(url=url), timings=QUICK)
    noticed: list[float] = []
    restored: list[float] = []
    async with Supervisor([spec], folder=folder / "run", logs=folder / "logs") as supervisor:
        await supervisor.wait("api", {BackendState.HEALTHY}, limit=30)
        before = (0, 0)
        for cycle in range(CYCLES + 1):
            if cycle == 1:  # the first crash opens the error log, which stays open
                before = resources()
            pid = supervisor.status("api").pid
            assert pid is not None
            killed = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await supervisor.wait("api", {BackendState.RESTARTING}, limit=5)
            noticed.append(time.monotonic() - killed)
            await supervisor.wait("api", {BackendState.HEALTHY}, limit=5)
            restored.append(time.monotonic() - killed - QUICK.restart_delay)
        after = resources()
        instance = supervisor.status("api").instance or ""
    left = len(find_members(None, instance.rpartition(":")[0])) + len(list((folder / "run").glob("*.lock")))
    return [
        Figure(name="crash noticed, median of 100", ours=statistics.median(noticed), unit="s", target=0.2),
        Figure(name="crash noticed, slowest of 100", ours=max(noticed), unit="s", target=0.2),
        Figure(name="healthy again, beside the delay, median", ours=statistics.median(restored), unit="s"),
        Figure(name="descriptors leaked in 100 cycles", ours=after[0] - before[0], unit="", target=0),
        Figure(name="processes leaked in 100 cycles", ours=after[1] - before[1], unit="", target=0),
        Figure(name="processes and locks left at the end", ours=left, unit="", target=0),
    ]


async def restarts_as_shipped(folder: Path) -> list[Figure]:
    """Kill a real HTTP back end at the specification's own constants; its first start is the yardstick."""
    spec = BackendSpec(
        name="api",
        command=(sys.executable, "-I", "-S", "-c", SERVER, "{port}"),
        port=PortSpec(first=20_000, last=29_999),
        health=HealthSpec(),
        timings=Timings(crash_limit=RESTARTS + 2),
    )
    beyond: list[float] = []
    async with Supervisor((), folder=folder / "run", logs=folder / "logs") as supervisor:
        begun = time.monotonic()
        await supervisor.add(spec)
        own_start = await _seconds_to_health(supervisor, begun)
        for _ in range(RESTARTS):
            pid = supervisor.status("api").pid
            assert pid is not None
            killed = time.monotonic()
            os.kill(pid, signal.SIGKILL)
            await supervisor.wait("api", {BackendState.RESTARTING}, limit=5)
            beyond.append(await _seconds_to_health(supervisor, killed) - own_start)
    return [
        Figure(name="its own start", ours=own_start, unit="s"),
        Figure(
            name="crash to healthy, less its own start (0.2 s and the 2 s delay)",
            ours=max(beyond),
            unit="s",
            target=2.2,
        ),
    ]


async def _seconds_to_health(supervisor: Supervisor, since: float) -> float:
    await supervisor.wait("api", {BackendState.HEALTHY}, limit=30)
    return time.monotonic() - since


async def idle(folder: Path, url: str) -> list[Figure]:
    """Supervise fifty healthy back ends at the default interval and count our own processor time."""
    spec = BackendSpec(name="api", command=SLEEPER, health=HealthSpec(url=url))
    specs = [replace(spec, name=f"api{number}") for number in range(BACK_ENDS)]
    async with Supervisor(specs, folder=folder / "run", logs=folder / "logs") as supervisor:
        for each in specs:
            await supervisor.wait(each.name, {BackendState.HEALTHY}, limit=60)
        begun, used = time.monotonic(), time.process_time()
        await asyncio.sleep(IDLE_SECONDS)
        share = (time.process_time() - used) / (time.monotonic() - begun)
        probes = sum(len(supervisor.probes(each.name)) for each in specs)
        begun = time.monotonic()
        answers = await supervisor.probe_all()
        round_seconds = time.monotonic() - begun
    slowest = max(probe.latency or 0.0 for probe in answers.values() if probe is not None)
    assert probes >= 2 * BACK_ENDS
    return [
        Figure(name="50 back ends, idle, share of one core", ours=100 * share, unit="%", target=1.0),
        Figure(
            name="one probe round of 50",
            ours=round_seconds,
            unit="s",
            peer=slowest,
            peer_name="its slowest probe",
            target=1.5,
            target_is_ratio=True,
        ),
    ]


def resources() -> tuple[int, int]:
    """Return how many descriptors and children, zombies included, this process has."""
    children = sum(stat.parent == os.getpid() for stat in all_stats())
    return len(list(Path("/proc/self/fd").iterdir())), children

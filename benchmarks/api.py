"""The shim by itself: how fast a client hears, how many may listen, what a tick and a long list cost."""

from __future__ import annotations

import asyncio
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.api_event import cost_of_an_event
from benchmarks.figures import Figure, median_seconds
from tests.api.filling import add_job, add_list, entries_of
from tests.api.serving import free_port
from tests.cli.shell import Shell
from tests.site.media import media_folder
from tests.site.server import MediaSite, serve
from vidra.state import State, open_state
from vidra.state.interface import EntryStatus, JobKind, JobProgress, JobStatus, LogLine

TOKEN = "benchmark-token-0123456789-0123456789-0123456789"  # noqa: S105 - of a server that lives for a minute
SOCKETS, READERS, JOBS = 500, 200, 1000
STATES = 20
WHOLE = 8
"""Jobs given to a whole engine; the first one warms it up and does not count."""
Measure = Callable[[str, Path, psutil.Process], Awaitable[list[Figure]]]


def run() -> list[Figure]:
    """Measure against a shim in a process of its own."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        return [*_whole(), *_with_shim(root / "few", _few), *_with_shim(root / "many", _many)]


def _with_shim(folder: Path, measure: Measure) -> list[Figure]:
    command = [sys.executable, "-m", "tests.api.standalone", str(folder), TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        base = process.stdout.readline().strip()
        try:
            return asyncio.run(_awaited(measure(base, folder, psutil.Process(process.pid))))
        finally:
            process.terminate()
            process.wait(20)


async def _awaited(figures: Awaitable[list[Figure]]) -> list[Figure]:
    return await figures


def _client(base: str) -> httpx.Client:
    return httpx.Client(base_url=base, headers={"X-API-Token": TOKEN}, timeout=60)


def _socket(base: str, path: str) -> connect:
    return connect(_address(base, path), max_size=None, max_queue=None)


def _address(base: str, path: str) -> str:
    return f"{base.replace('http', 'ws')}{path}?token={TOKEN}"


async def _few(base: str, folder: Path, process: psutil.Process) -> list[Figure]:
    figures = [await _first_event(base)]
    with open_state(folder / "data") as state:
        for number in range(JOBS):
            add_job(
                state,
                f"job-{number}",
                status=JobStatus.COMPLETED,
                kind=JobKind.VIDEO,
                metadata={"title": "A title"},
            )
        with _client(base) as client:
            seconds = median_seconds(lambda: client.get("/api/jobs"), times=9)
        figures.append(
            Figure(name=f"GET /api/jobs with {JOBS} jobs", ours=seconds * 1000, unit="ms", target=60)
        )
        figures.append(await cost_of_an_event(_address(base, "/ws/jobs/ticking"), state, process))
        figures.append(await _long_list(base, state))
    return figures


async def _first_event(base: str) -> Figure:
    samples = []
    async with (
        _socket(base, "/ws/overview") as socket,
        httpx.AsyncClient(base_url=base, headers={"X-API-Token": TOKEN}) as client,
    ):
        await socket.recv()
        for number in range(15):
            began = time.perf_counter()
            asked = asyncio.create_task(client.post("/api/jobs", json={"urls": f"http://127.0.0.1/{number}"}))
            while '"reason":"created"' not in str(await asyncio.wait_for(socket.recv(), 30)):
                pass
            samples.append(time.perf_counter() - began)
            await asked
    return Figure(
        name="POST a job to the first event", ours=statistics.median(samples) * 1000, unit="ms", target=150
    )


async def _long_list(base: str, state: State) -> Figure:
    add_job(state, "long", status=JobStatus.STARTING)
    largest = 0
    async with _socket(base, "/ws/jobs/long") as socket:
        state.entries("long").put(entries_of(1000))
        state.jobs.update("long", kind=JobKind.PLAYLIST, selection_required=True, total_items=1000)
        while True:
            text = str(await socket.recv())
            if '"event":"list_info_ends"' in text:
                break
            largest = max(largest, len(text))
    return Figure(
        name="largest message of a 1,000-entry list but the list", ours=largest / 1024, unit="KB", target=64
    )


async def _many(base: str, folder: Path, process: psutil.Process) -> list[Figure]:
    """Let 500 sockets and 200 event readers hear a 20-entry job work, while somebody asks for health."""
    with open_state(folder / "data") as state, _probing(base) as probe:
        add_list(state, "busy", entries=STATES, status=JobStatus.RUNNING)
        os.nice(10)  # seven hundred listeners would be other machines: shim and probe go before them
        before = process.memory_info().rss
        sockets = [await _socket(base, "/ws/jobs/busy") for _ in range(SOCKETS)]
        heard = [asyncio.create_task(_completions(socket)) for socket in sockets]
        limits = httpx.Limits(max_connections=None)
        async with httpx.AsyncClient(
            base_url=base, headers={"X-API-Token": TOKEN}, limits=limits, timeout=60
        ) as client:
            read = [asyncio.create_task(_jobs_told(client)) for _ in range(READERS)]
            await asyncio.sleep(5)
            probe.begin()
            await asyncio.to_thread(_work, state)
            latencies = probe.end()
            counts = [await asyncio.wait_for(task, 60) for task in heard]
            events = [await asyncio.wait_for(task, 60) for task in read]
        grown = process.memory_info().rss - before
        for socket in sockets:
            await socket.close()
    lost = sum(STATES - count for count in counts) + sum(STATES - count for count in events)
    p99 = statistics.quantiles(latencies, n=100)[98]
    return [
        Figure(name=f"events lost, {SOCKETS} sockets and {READERS} readers", ours=lost, unit="", target=0),
        Figure(name=f"GET / meanwhile, p99 of {len(latencies)}", ours=p99 * 1000, unit="ms", target=100),
        Figure(name="memory growth of the shim", ours=grown / 1e6, unit="MB"),
    ]


def _work(state: State) -> None:
    """Complete the entries, with figures and log lines in between, as a flow does."""
    for index in range(1, STATES + 1):
        for percent in range(0, 100, 10):
            state.entries("busy").update(index, durable=False, progress=JobProgress(percent=float(percent)))
            state.jobs.set_progress("busy", JobProgress(percent=float(percent), current_index=index))
            line = LogLine(
                timestamp="2026-11-20T20:21:59.418625Z", level="info", message="a line of the job's log"
            )
            state.logs.append("busy", [line])
            time.sleep(0.04)
        state.entries("busy").update(index, status=EntryStatus.COMPLETED, progress=None)
        state.jobs.update("busy", error=str(index))
    state.jobs.transition("busy", JobStatus.COMPLETED, allowed_from={JobStatus.RUNNING}, error=None)


async def _completions(socket: ClientConnection) -> int:
    told = 0
    async for text in socket:
        message = json.loads(text)
        if message["event"] == "playlist_entry_progress" and message["payload"]["state"] == "completed":
            told += 1
        if message["event"] == "update" and message["payload"].get("reason") == "completed":
            return told
    return told


async def _jobs_told(client: httpx.AsyncClient) -> int:
    told = 0
    async with client.stream("GET", "/api/v1/events") as reply:
        async for line in reply.aiter_lines():
            told += line.startswith("data:") and '"error":"' in line
            if line.startswith("data:") and '"status":"completed"' in line:
                return told
    return told


PROBE = """
import json, sys, time, threading, httpx
samples, over = [], threading.Event()
with httpx.Client(base_url=sys.argv[1]) as client:
    client.get("/")
    print("ready", flush=True)
    sys.stdin.readline()
    threading.Thread(target=lambda: (sys.stdin.read(), over.set()), daemon=True).start()
    due = time.perf_counter()
    while not over.is_set():
        due = max(due + 0.03, time.perf_counter())
        time.sleep(max(0.0, due - time.perf_counter()))
        client.get("/")
        samples.append(time.perf_counter() - due)
print(json.dumps(samples))
"""
"""A process of its own: the listeners keep this one too busy to measure anybody but itself.

It counts from when a request was due: waking up late is part of waiting.
"""


class Probe:
    """Asks for health some thirty times a second."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def begin(self) -> None:
        """Begin to ask."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    def end(self) -> list[float]:
        """Stop asking; return the seconds of each answer."""
        found: list[float] = json.loads(self._process.communicate()[0])
        return found


@contextmanager
def _probing(base: str) -> Iterator[Probe]:
    """Keep a probe ready for as long as the context lasts."""
    command = [sys.executable, "-c", PROBE, base]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        process.stdout.readline()
        yield Probe(process)


def _whole() -> list[Figure]:
    """Measure against a whole engine: how soon a client hears of its job, and the media site is asked."""
    with serve(media_folder()) as site, tempfile.TemporaryDirectory() as folder:
        shell = Shell(Path(folder), Path(folder) / "data", site, shim=free_port())
        shell.up()
        try:
            return asyncio.run(_awaited(_asked(shell, site)))
        finally:
            shell.kill_everything()


async def _over(client: httpx.AsyncClient, job: str) -> None:
    for _ in range(600):
        if (await client.get(job)).json()["status"] in {"completed", "failed"}:
            return
        await asyncio.sleep(0.1)
    raise TimeoutError(job)


async def _asked(shell: Shell, site: MediaSite) -> list[Figure]:
    token = (shell.data / "server_token").read_text(encoding="utf-8").strip()
    base, heard, asked = f"http://127.0.0.1:{shell.shim}", [], []
    headers = {"X-API-Token": token}
    for number in range(WHOLE):
        path, began = f"/f/tagbench{number}/n/{number}.mp4", time.time()
        async with (
            connect(f"{base.replace('http', 'ws')}/ws/overview?token={token}", max_size=None) as socket,
            httpx.AsyncClient(base_url=base, headers=headers, timeout=60) as client,
        ):
            await socket.recv()
            began = time.time()
            created = asyncio.create_task(client.post("/api/jobs", json={"urls": site.url(path)}))
            while '"reason":"created"' not in str(await asyncio.wait_for(socket.recv(), 30)):
                pass
            heard.append(time.time() - began)
            job = f"/api/jobs/{(await created).json()['job_id']}"
            await _over(client, job)
        asked.append(site.requests(path)[0].at - began)
    return [
        Figure(
            name="POST a job to the first event, whole engine", ours=statistics.median(heard[1:]) * 1000,
            unit="ms", target=150,
        ),
        Figure(
            name="POST a job to the site's first request", ours=statistics.median(asked[1:]), unit="s",
            target=1.2,
        ),
    ]  # fmt: skip

"""What one progress event costs the shim when a hundred listen, beside a hundred bare sends."""

from __future__ import annotations

import asyncio
import json
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import psutil
from websockets.asyncio.client import ClientConnection, connect

from benchmarks.figures import Figure
from benchmarks.processes import exact_cpu_seconds
from tests.api.filling import add_job
from vidra.state import State
from vidra.state.interface import JobKind, JobProgress

LISTENERS = 100
TICKS = 40
"""Progress events whose cost is measured."""
PAUSE_S = 0.15
"""Between an event and a round of bare sends: both find the machine as idle as the other does."""
FRAME = 150
"""Bytes of a bare send; a frame of these events has about as many."""


async def cost_of_an_event(address: str, state: State, process: psutil.Process) -> Figure:
    """Return the shim's CPU for one progress event to all listeners, the idle CPU taken off.

    The peer is a process that does nothing but send as many bytes to as many connections: what the
    kernel takes for that is in the shim's figure, too. `address` is that of the job `ticking`.
    """
    add_job(state, "ticking", kind=JobKind.VIDEO)
    async with AsyncExitStack() as stack:
        sockets = [
            await stack.enter_async_context(connect(address, max_queue=None)) for _ in range(LISTENERS)
        ]
        bare = await stack.enter_async_context(_bare_sender())
        readers = [asyncio.create_task(_count(socket, "progress")) for socket in sockets]
        await asyncio.sleep(1)
        idle = await _cpu_over(process, 4.0)
        began, cpu = time.perf_counter(), exact_cpu_seconds(process.pid)
        for number in range(TICKS):
            progress = JobProgress(percent=float(number), stage="downloading")
            await asyncio.to_thread(state.jobs.set_progress, "ticking", progress)
            await asyncio.sleep(PAUSE_S)
            bare.send()
            await asyncio.sleep(PAUSE_S)
        took, used = time.perf_counter() - began, exact_cpu_seconds(process.pid) - cpu
        floor = await bare.seconds()
    told = statistics.median([await reader for reader in readers])
    cost = max(0.0, used - idle * took) / max(1, told)
    print(f"  {told:g} events told, {100 * idle:.1f} % idle", flush=True)
    return Figure(
        name=f"CPU of one progress event, {LISTENERS} listeners", ours=cost * 1000, unit="ms", target=1,
        peer=floor * 1000, peer_name=f"{LISTENERS} bare sends",
    )  # fmt: skip


async def _cpu_over(process: psutil.Process, seconds: float) -> float:
    before = exact_cpu_seconds(process.pid)
    await asyncio.sleep(seconds)
    return (exact_cpu_seconds(process.pid) - before) / seconds


async def _count(socket: ClientConnection, event: str) -> int:
    return sum([json.loads(text)["event"] == event async for text in socket])


SENDER = """
import socket, sys, time
listener = socket.create_server(("127.0.0.1", 0))
print(listener.getsockname()[1], flush=True)
peers = [listener.accept()[0] for _ in range(int(sys.argv[1]))]
for peer in peers:
    peer.setblocking(False)
    peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
data, rounds = b"x" * int(sys.argv[2]), []
for line in sys.stdin:
    began = time.thread_time()
    for peer in peers:
        peer.send(data)
    rounds.append(time.thread_time() - began)
print(sum(rounds) / len(rounds))
"""


class BareSender:
    """Sends to all its peers when it is told to."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def send(self) -> None:
        """Send once to everybody."""
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()

    async def seconds(self) -> float:
        """Stop; return the mean CPU time of a round."""
        out, _ = await asyncio.to_thread(self._process.communicate)
        return float(out)


def _sender() -> subprocess.Popen[str]:
    command = [sys.executable, "-c", SENDER, str(LISTENERS), str(FRAME)]
    return subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)


@asynccontextmanager
async def _bare_sender() -> AsyncIterator[BareSender]:
    """Start a sender, with peers in this process that read as WebSocket clients do."""
    loop = asyncio.get_running_loop()
    with _sender() as process:
        assert process.stdout is not None
        port = int(process.stdout.readline())
        made = [await loop.create_connection(asyncio.Protocol, "127.0.0.1", port) for _ in range(LISTENERS)]
        try:
            yield BareSender(process)
        finally:
            process.kill()
            for transport, _ in made:
                transport.close()

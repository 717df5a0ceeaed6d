"""What many, slow or rude peers can do to a shim in a process of its own: next to nothing."""

from __future__ import annotations

import contextlib
import json
import resource
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import psutil
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.api.filling import add_job
from tests.api.raw import ask, connection
from tests.api.serving import Shim, until
from tests.api.simulator import JOB_EVENTS, Listener
from vidra.state import State, open_state
from vidra.state.interface import JobKind, LogLine

TOKEN = "pressure-token-0123456789-0123456789-0123456789"
LINE = LogLine(timestamp="2026-11-20T20:21:59.418625Z", level="info", message="x" * 2_000)


@dataclass(frozen=True, kw_only=True)
class Pressed:
    """A shim in a process of its own, and the state it shows."""

    base: str
    state: State
    process: psutil.Process

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.base.rpartition(":")[2])

    def freeze(self, head: str) -> socket.socket:
        """Ask for a stream and never read it."""
        frozen = socket.socket()
        frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        frozen.connect(("127.0.0.1", self.port))
        text = f"{head}\nHost: 127.0.0.1:{self.port}".replace("\n", "\r\n")
        frozen.sendall(text.encode() + b"\r\n\r\n")
        return frozen

    def subscribers(self) -> int:
        """Return how many streams are open."""
        text = httpx.get(f"{self.base}/metrics", headers={"X-API-Token": TOKEN}, timeout=20).text
        rows = [row for row in text.splitlines() if row.startswith("vidra_stream_subscribers{")]
        return int(sum(float(row.rpartition(" ")[2]) for row in rows))


@pytest.fixture
def pressed(tmp_path: Path) -> Iterator[Pressed]:
    """Run a shim as a program."""
    most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(8192, most[1]), most[1]))
    command = [sys.executable, "-m", "tests.api.standalone", str(tmp_path), TOKEN]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as program:
        assert program.stdout is not None
        base = program.stdout.readline().strip()
        with open_state(tmp_path / "data") as state:
            add_job(state, "job1", kind=JobKind.VIDEO)
            yield Pressed(base=base, state=state, process=psutil.Process(program.pid))
        program.terminate()
    resource.setrlimit(resource.RLIMIT_NOFILE, most)


SOCKET = (
    f"GET /ws/jobs/job1?token={TOKEN} HTTP/1.1\nUpgrade: websocket\nConnection: Upgrade\n"
    "Sec-WebSocket-Version: 13\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA=="
)
ALL_EVENTS = f"GET /api/v1/events HTTP/1.1\nX-API-Token: {TOKEN}"


def _freeze(pressed: Pressed, each: int, *, patience: float, growth: float) -> None:
    """Freeze so many sockets and event streams; all are let go, and one that reads hears all at once."""
    awake = Listener(f"{pressed.base.replace('http', 'ws')}/ws/jobs/job1?token={TOKEN}", JOB_EVENTS)
    _tell(pressed, awake, 0)
    before = peak = pressed.process.memory_info().rss
    with contextlib.ExitStack() as stack:
        for _ in range(each):
            stack.enter_context(pressed.freeze(SOCKET))
            stack.enter_context(pressed.freeze(ALL_EVENTS))
        until(lambda: pressed.subscribers() == 2 * each + 1, "all are connected", within=30)
        began, slowest, number = time.monotonic(), 0.0, 0
        while pressed.subscribers() > 1:
            assert time.monotonic() - began < 30, f"{pressed.subscribers()} streams are still open"
            number += 1
            slowest = max(slowest, _tell(pressed, awake, number))
            peak = max(peak, pressed.process.memory_info().rss)
    awake.close()

    assert slowest < patience
    assert (peak - before) / 2**20 < growth


def _tell(pressed: Pressed, awake: Listener, number: int) -> float:
    """Change the job; return the seconds until the one that reads has heard of it."""
    for _ in range(20):
        pressed.state.logs.append("job1", [LINE])
    written = time.monotonic()
    pressed.state.jobs.update("job1", error=f"{number} " + "x" * 40_000)
    until(lambda: _has_told(awake, str(number)), "the change was told")
    return time.monotonic() - written


def _has_told(listener: Listener, number: str) -> bool:
    updates = listener.payloads("update")
    return bool(updates) and str(updates[-1].get("error", "")).startswith(f"{number} ")


def test_frozen_readers_are_let_go(pressed: Pressed) -> None:
    """API-15, small: 10 sockets and 10 event streams that never read."""
    _freeze(pressed, 10, patience=10.0, growth=120)  # a busy machine changes the job more often meanwhile


@pytest.mark.long
@pytest.mark.timeout(300)
def test_four_hundred_frozen_readers_are_let_go(pressed: Pressed) -> None:
    """API-15: gone within 30 s, less than 50 MiB, everybody else hears every change within a second."""
    _freeze(pressed, 200, patience=1.0, growth=50)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_three_hundred_half_heads_hold_nobody_up(pressed: Pressed) -> None:
    """API-12: health stays below 200 ms, and each is hung up on after ten seconds."""
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connection(pressed.port)) for _ in range(300)]
        for sock in socks:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        began, samples = time.monotonic(), []
        while time.monotonic() - began < 12:
            asked = time.monotonic()
            assert ask(pressed.port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{pressed.port}")[0] == 200
            samples.append(time.monotonic() - asked)
        assert max(samples) < 0.2
        assert [sock.recv(1) for sock in socks] == [b""] * 300


def test_small_answers_leave_at_once(lasting: Shim) -> None:
    """On a connection that is kept: waiting to fill a packet costs forty milliseconds an answer."""
    took = []
    with lasting.client() as client:
        for _ in range(20):
            began = time.monotonic()
            client.get("/healthz")
            took.append(time.monotonic() - began)

    assert min(took[1:]) < 0.03


def test_bodies_that_are_refused_cost_next_to_no_memory(pressed: Pressed) -> None:
    """API-09: announced and endless ones, twenty of each: less than 5 MiB."""
    head = f"POST /api/jobs HTTP/1.1\nHost: 127.0.0.1:{pressed.port}\nX-API-Token: {TOKEN}\n"
    head += "Content-Type: application/json\n"
    announced, chunked = f"{head}Content-Length: {2**22}", f"{head}Transfer-Encoding: chunked"
    chunk = b"10000\r\n" + b" " * 65_536 + b"\r\n"

    def round_of(times: int) -> None:
        """Send each kind of body so many times."""
        for _ in range(times):
            assert ask(pressed.port, announced, b" " * 2**22)[0] == 413
            with connection(pressed.port) as sock, contextlib.suppress(ConnectionError):
                sock.sendall(chunked.replace("\n", "\r\n").encode() + b"\r\n\r\n" + chunk * 32)
                assert sock.recv(100).startswith(b"HTTP/1.1 413")

    round_of(3)
    before = pressed.process.memory_info().rss
    round_of(20)

    assert (pressed.process.memory_info().rss - before) / 2**20 < 5


def test_a_flood_of_messages_disturbs_nobody(lasting: Shim) -> None:
    """API-11: what a client says is read and dropped; others hear their job meanwhile."""
    add_job(lasting.state, "flooded", kind=JobKind.VIDEO)
    url = lasting.socket_url("/ws/jobs/flooded")
    quiet = Listener(url, JOB_EVENTS)
    try:
        with connect(url) as loud:
            for number in range(10_000):
                loud.send("nonsense")
                if number == 5000:
                    lasting.state.jobs.update("flooded", error="half way")
            until(lambda: any(p.get("error") == "half way" for p in quiet.payloads("update")), "it is told")
            lasting.state.jobs.update("flooded", error="all the way")
            until(
                lambda: any(p.get("error") == "all the way" for p in quiet.payloads("update")), "it is told"
            )
    finally:
        quiet.close()
        lasting.state.remove_job("flooded")


def test_a_message_that_is_too_large_ends_its_connection(lasting: Shim) -> None:
    """API-11: 1 MiB is closed with 1009, one frame that claims to be compressed with 1002."""
    with connect(lasting.socket_url("/ws/overview"), compression=None) as large:
        large.send("x" * 2**20)
        _read_to_the_end(large)
        assert large.close_code == 1009
    with connect(lasting.socket_url("/ws/overview"), compression="deflate") as packed:
        assert packed.protocol.extensions == []
        packed.socket.sendall(b"\xc1\x85\x00\x00\x00\x00bombs")
        _read_to_the_end(packed)
        assert packed.close_code == 1002


def _read_to_the_end(connection: Connection) -> None:
    deadline = time.monotonic() + 10
    with contextlib.suppress(ConnectionClosed):
        while time.monotonic() < deadline:
            connection.recv(timeout=10)


@pytest.mark.parametrize(
    "wanted", ["bytes=0-0", "bytes=5-1", "bytes=0-0,-1", "bytes=" + "0-1," * 2000, "x=1"]
)
def test_ranges_mean_nothing_here(lasting: Shim, wanted: str) -> None:
    """API-16: every answer is whole, whatever part is asked for."""
    with lasting.client(Range=wanted) as client:
        replies = [client.get(path) for path in ("/", "/api/jobs", "/api/v1/flows")]

    assert [reply.status_code for reply in replies] == [200] * 3
    for reply in replies:
        json.loads(reply.content)


def test_references_in_a_body_are_not_followed(lasting: Shim) -> None:
    """API-24: `$ref` is a name like any other; nothing is fetched for it."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        listener.settimeout(0.3)
        remote = {"$ref": f"http://127.0.0.1:{listener.getsockname()[1]}/schema.json"}
        with lasting.client() as client:
            for body in ({"parameters": remote}, {"parameters": {"request": remote}}, remote):
                for flow in ("library-sync", "download-job"):
                    reply = client.post(f"/api/v1/flows/{flow}/runs", json=body)
                    assert reply.status_code in {400, 422}, reply.text
        with pytest.raises(TimeoutError):
            listener.accept()

"""The shim as a program: when it refuses to start, and how `POST /api/shutdown` ends it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from tests.api.raw import answer, connection
from tests.api.serving import free_port, until
from vidra.state import open_state
from vidra.state.lock import ExclusiveLock

TOKEN = "shutdown-token-0123456789-0123456789-0123456789"
CONFIG = """\
storage: {{data_dir: {root}/data, cache_dir: {root}/cache}}
network: {{allowed_addresses: ["127.0.0.1"]}}
downloads: {{library: {root}/library}}
server: {{port: {port}}}
"""
BUSY = 9.0
"""Seconds that three and a little more may become on a machine with other things to do."""
COMMAND = [sys.executable, "-m", "vidra.api.serve"]
BODY = b'{"urls": "http://127.0.0.1/x"}'


@dataclass(frozen=True, kw_only=True)
class Program:
    """A supervised shim, and where it listens."""

    process: subprocess.Popen[str]
    port: int
    data: Path

    def ask_to_stop(self) -> float:
        """Ask; return the moment of its answer."""
        reply = httpx.post(f"http://127.0.0.1:{self.port}/api/shutdown", headers={"X-API-Token": TOKEN})
        assert (reply.status_code, reply.json()) == (200, {"status": "stopping"})
        return time.monotonic()

    def begin(self, sock: socket.socket, body: bytes) -> None:
        """Send the head of a request, and so much of its body."""
        lines = ["POST /api/jobs HTTP/1.1", f"Host: 127.0.0.1:{self.port}", f"X-API-Token: {TOKEN}"]
        lines += ["Content-Type: application/json", f"Content-Length: {len(BODY)}"]
        sock.sendall("\r\n".join([*lines, "", ""]).encode() + body)


def _environment(folder: Path, port: int, **variables: str) -> dict[str, str]:
    config = folder / "vidra.yaml"
    config.write_text(CONFIG.format(root=folder, port=port), encoding="utf-8")
    return {
        **os.environ,
        "VIDRA_CONFIG": str(config),
        "VIDRA_SERVER_TOKEN": TOKEN,
        "PREFECT_API_URL": "http://127.0.0.1:1/api",
        **variables,
    }


@pytest.fixture
def program(tmp_path: Path) -> Iterator[Program]:
    """Run the shim as the supervisor does, without an engine behind it."""
    port = free_port()
    environment = _environment(tmp_path, port)
    with subprocess.Popen(
        [*COMMAND, "--supervised"], env=environment, stderr=subprocess.PIPE, text=True
    ) as process:
        until(lambda: _listens(port), "it listens", within=30)
        yield Program(process=process, port=port, data=tmp_path / "data")
        process.kill()


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def test_a_weak_token_keeps_the_program_from_the_network(tmp_path: Path) -> None:
    """API-01: it ends with a text that helps, and has listened nowhere."""
    port = free_port()
    weak = _environment(tmp_path, port, VIDRA_SERVER_TOKEN="short", VIDRA_SERVER_HOST="0.0.0.0")
    done = subprocess.run(COMMAND, env=weak, capture_output=True, text=True, check=False, timeout=60)

    assert done.returncode == 2
    assert "refusing to listen on 0.0.0.0 with a token of 5 characters" in done.stderr
    assert "vidra token rotate" in done.stderr


def test_what_is_under_way_is_finished_and_nothing_new_is_taken(program: Program) -> None:
    """A request whose second half comes a second later is answered; the process ends with 0 at once then."""
    with connection(program.port) as slow:
        program.begin(slow, BODY[:10])
        asked = program.ask_to_stop()
        until(lambda: not _listens(program.port), "nothing new is taken", within=2)
        until(lambda: time.monotonic() > asked + 1, "a second has gone by", within=2)
        slow.sendall(BODY[10:])
        status, text = answer(slow)

    assert (status, b'"job_id"' in text) == (201, True)
    assert program.process.wait(10) == 0
    assert time.monotonic() - asked < BUSY
    with open_state(program.data) as state:
        assert len(state.jobs.list()) == 1


def test_what_takes_longer_is_cut_off_after_three_seconds(program: Program) -> None:
    """Told so with a 503 that says why; the process ends with 0 all the same."""
    with connection(program.port) as slower:
        program.begin(slower, BODY[:10])
        asked = program.ask_to_stop()
        status, text = answer(slower)
        cut = time.monotonic() - asked

    assert (status, b'"error":"stopping"' in text) == (503, True)
    assert 2.5 < cut < BUSY
    assert program.process.wait(10) == 0
    log = program.process.stderr.read() if program.process.stderr else ""
    assert "Traceback" not in log


def test_a_thread_that_waits_does_not_keep_the_process(program: Program) -> None:
    """The state's lock is held elsewhere: waiting for it outlasts the three seconds, the process does not."""
    lock = ExclusiveLock(program.data / "download_state.lock", timeout=5)
    with lock, connection(program.port) as stuck:
        program.begin(stuck, BODY)
        time.sleep(0.3)
        asked = program.ask_to_stop()
        assert program.process.wait(10) == 0
        took = time.monotonic() - asked

    assert took < BUSY

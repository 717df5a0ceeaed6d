"""What `vidra up` says: on the terminal, in its status file, in its logs; and when it cannot start."""

from __future__ import annotations

import json
import re
import signal
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.cli.light_up import heavy_imports, light_up
from tests.cli.shell import Shell
from tests.engine.polling import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

HEALTH = {
    "service", "time", "overview", "description", "metadata", "base_url", "api_url", "overview_socket_url",
    "job_socket_base_url", "timeout_seconds",
}  # fmt: skip
"""The client contract, section 7.3."""


@contextmanager
def _phases(file: Path) -> Iterator[list[str]]:
    """Note every phase that the status file goes through."""
    seen: list[str] = []
    over = threading.Event()

    def look() -> None:
        while not over.is_set():
            try:
                phase = json.loads(file.read_text("utf-8"))["status"]
            except FileNotFoundError:
                phase = ""
            if phase and seen[-1:] != [phase]:
                seen.append(phase)
            over.wait(0.01)

    watcher = threading.Thread(target=look)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def test_a_start_says_where_everything_is(shell: Shell) -> None:
    """Addresses, the token's place, a last line; phases with token and log; health; logs that go on.

    And all that time its own process, which stays for months, has imported neither Prefect nor yt-dlp.
    """
    with _phases(shell.data / "startup_status.json") as phases:
        lines = light_up(shell)
        wait_until(lambda: phases[-1:] == ["success"])
    told = "\n".join(lines)
    status = json.loads((shell.data / "startup_status.json").read_text("utf-8"))
    token = re.search(r"^Token +(.+)$", told, re.MULTILINE)
    health = httpx.get(f"http://127.0.0.1:{shell.shim}/", timeout=10).json()

    assert re.search(r"^Prefect UI and API +http://127\.0\.0\.1:\d+$", told, re.MULTILINE), told
    assert f"http://127.0.0.1:{shell.shim}/" in told
    assert phases == ["starting", "success"]
    assert token
    assert Path(token[1]).read_text("utf-8").strip() == status["token"]
    assert Path(status["log_path"]) == shell.data / "release_logs.txt"
    assert set(health) >= HEALTH

    follower = shell.start("logs", "-f", "--part", "vidra")
    assert follower.stdout is not None
    assert "vidra: " in follower.stdout.readline()  # what there was before
    next(one for one in shell.processes() if "vidra.api.serve" in one.cmdline()).kill()
    assert any("shim: " in line and "->" in line for line in follower.stdout)  # and what comes
    follower.send_signal(signal.SIGINT)
    follower.communicate(timeout=20)
    shell.down()
    assert heavy_imports(shell) == []


@pytest.mark.long
def test_a_start_that_fails_says_so_and_leaves_nothing(shell: Shell) -> None:
    """Somebody has the API's port: named on the terminal and in the status file, and nothing stays behind."""
    with socket.create_server(("127.0.0.1", shell.shim)):
        began = time.monotonic()
        done = shell.run("up", timeout=150)
        took = time.monotonic() - began

    status = json.loads((shell.data / "startup_status.json").read_text("utf-8"))
    assert done.returncode not in {0, 2}
    assert f"listens on port {shell.shim}" in done.stderr, done.stderr
    assert "Traceback" not in done.stdout + done.stderr
    assert (status["status"], str(shell.shim) in status["message"]) == ("error", True)
    assert took < 60
    assert shell.processes() == []
    assert not (shell.data / "vidra.start.lock").exists()

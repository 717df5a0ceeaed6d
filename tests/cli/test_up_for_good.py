"""An engine in the background, and people at terminals: one start for all of it."""

from __future__ import annotations

import json
import os
import re
import time
from pathlib import Path

import psutil
import pytest

from tests.cli.shell import Shell
from tests.cli.terminal import Terminal
from tests.engine.polling import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

DOWN = 35.0
"""Seconds `vidra down` may take while downloads are under way: 20 s for them, 10 s to end them, and some."""


def _slow(shell: Shell, number: int) -> str:
    """Return the address of a page whose download takes minutes."""
    return shell.site.url(f"/p/rate3000,etag1,tag{shell.shim}n{number}/m/vid001.mp4")


def _status(shell: Shell, number: int) -> str:
    (job,) = [one for one in shell.jobs() if one["urls"] == [_slow(shell, number)]]
    return str(job["status"])


def _partials(shell: Shell) -> int:
    return len(list(shell.root.rglob("*.part")))


def _leave_stale_lock(lock: Path) -> None:
    """Write what an engine leaves that was killed, with a pid that is somebody else's by now."""
    lock.write_text(json.dumps({"pid": os.getpid(), "started": 1, "boot": "another", "api_url": "http://x"}))


def test_an_engine_in_the_background_and_people_at_terminals(shell: Shell) -> None:
    """Detached over a stale lock; Ctrl-C asks, No detaches and Yes stops; `down` is bounded."""
    _leave_stale_lock(shell.data / "vidra.start.lock")
    began = shell.run("up", "--detach", timeout=200)
    assert began.returncode == 0, began.stderr
    said = re.search(r"runs in the background \(pid (\d+)\): http://127.0.0.1:\d+", began.stdout)
    assert said, began.stdout
    assert psutil.Process(int(said[1])).is_running()
    assert "running already" in shell.run("up", "--detach").stdout

    with Terminal(shell, "flow", "run", "download-job", _slow(shell, 1)) as person:
        wait_until(lambda: _partials(shell) == 1, 60)
        person.press("\x03")
        person.expect("Stop the job?", 20)
        person.press("n\r")
        assert person.end(20) == 0
    assert _status(shell, 1) == "running"

    with Terminal(shell, "flow", "run", "download-job", _slow(shell, 2)) as person:
        wait_until(lambda: _partials(shell) == 2, 60)
        person.press("\x03")
        person.expect("Stop the job?", 20)
        person.press("y\r")
        assert person.end(40) == 130
    assert _status(shell, 2) == "paused"
    assert _status(shell, 1) == "running"

    before = time.monotonic()
    down = shell.run("down")
    took = time.monotonic() - before
    assert down.returncode == 0, down.stdout + down.stderr
    assert took < DOWN
    assert shell.processes() == []
    assert not (shell.data / "vidra.start.lock").exists()
    assert _status(shell, 1) not in {"failed", "cancelled", "completed"}

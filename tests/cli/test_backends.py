"""`vidra backend` against a whole engine: real processes, real schedules, killed for real."""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from vidra.engine.backends.standings import open_health
from vidra.settings import load_settings
from vidra.supervisor.supervisor import Supervisor
from vidra.supervisor.survivors import find_survivors

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

PROGRAM = Path(__file__).parents[1] / "supervisor" / "programs" / "backend.py"
SECTION = """\
backends:
  api:
    command: [{python}, -S, {program}, --journal, {root}/journal]
    port: auto
    first_port: 21000
    last_port: 29999
    health: /health
    shutdown: /shutdown
    startup_poll: 0.1
    restart_delay: 0.2
  quiet:
    command: [{python}, -S, -c, "import time; print('quiet here', flush=True); time.sleep(600)"]
  broken:
    command: [{python}, -S, -c, "raise SystemExit(3)"]
    crash_limit: 2
    restart_delay: 0.1
  elsewhere:
    health: http://127.0.0.1:{port}/health
    startup_limit: 1
    reconnect_tries: 0
    reconnect_interval: 0.2
    restart_delay: 1
    crash_limit: 1000
    restart_command: [{python}, -c, "open('{root}/repaired', 'a').write('x')"]
"""


@pytest.fixture
def backed(shell: Shell) -> Iterator[Shell]:
    """Return a shell that declares four back ends: one always crashes, one is a service nobody runs.

    Back ends outlive a killed engine on purpose, so those that a failed test left are ended here.
    """
    text = SECTION.format(python=sys.executable, program=PROGRAM, root=shell.root, port=shell.shim + 1)
    shell.config.write_text(shell.config.read_text("utf-8") + text, encoding="utf-8")
    yield shell
    shell.kill_everything()
    for survivor in find_survivors(f"{Supervisor((), folder=shell.data / 'parts', logs=shell.data)._home}:"):
        survivor.identity.send(signal.SIGKILL)


def backends(shell: Shell) -> dict[str, dict[str, Any]]:
    """Return what `vidra backend ls --json` says, by name."""
    answer = json.loads(shell.run("backend", "ls", "--json").stdout)
    return {one["name"]: one for one in answer["backends"]}


def copies(shell: Shell) -> list[int]:
    """Return the pids of every running copy of the back end `api`."""
    mark = f"{shell.root}/journal"
    found = []
    for process in psutil.process_iter():
        try:
            if mark in process.cmdline() and process.status() != psutil.STATUS_ZOMBIE:
                found.append(process.pid)
        except psutil.Error:
            continue
    return found


def starts(shell: Shell) -> int:
    """Return how often the back end `api` was started in all."""
    journal = shell.root / "journal"
    return journal.read_text().count("start ") if journal.exists() else 0


def events(shell: Shell, name: str = "api") -> list[tuple[str, str]]:
    """Return the changes of state in the change feed."""
    health = open_health(load_settings(config=shell.config, environ={}))
    found = [
        (str(one.facts["old"]), str(one.facts["new"]))
        for one in health.since(0).events
        if one.name == name and one.event == "backend-status"
    ]
    health.close()
    return found


def answers(shell: Shell, name: str = "api") -> int:
    """Return how many answers of the back end the watchdog flow has kept."""
    health = open_health(load_settings(config=shell.config, environ={}))
    found = len(health.samples(name))
    health.close()
    return found


def test_back_ends_live_beside_the_engine(backed: Shell) -> None:
    """Started with it, steered by command and API, watched by the flow, gone with it (items 1, 5, 8)."""
    down = backed.run("backend", "start", "api")
    never = backed.run("backend", "ls")
    engine = backed.up()
    wait_until(lambda: backends(backed)["api"]["state"] == "healthy", 20)
    here = backed.run("backend", "url", "api").stdout.strip()
    stopped = backed.run("backend", "stop", "api")
    waited = backed.run("backend", "wait", "api", "--timeout", "0.2")
    started = backed.run("backend", "start", "api", "--json")
    parts = backed.run("backend", "ls", "--all")
    status = backed.run("backend", "status")
    log = backed.run("backend", "logs", "quiet")
    unknown = backed.run("backend", "stop", "apy")
    wait_until(lambda: backends(backed)["broken"]["state"] == "failed", 20)
    given_up = backends(backed)["broken"]
    reset = backed.run("backend", "reset", "broken", "--json")
    wait_until(lambda: answers(backed) > 0, 90)  # the flow's own schedule, every 30 s
    seen = _over_http(backed)
    _crash(backed)

    assert (down.returncode, "vidra up" in down.stderr) == (1, True)
    assert "never started" in never.stdout
    assert httpx.get(f"{here}/health").status_code == 200
    assert (stopped.returncode, waited.returncode) == (0, 1)
    assert json.loads(started.stdout)["state"] == "healthy"
    assert "worker" in parts.stdout
    assert status.returncode == 3, "not all are well"
    assert "quiet here" in log.stdout
    assert (unknown.returncode, "declared are: api" in unknown.stderr) == (2, True)
    assert (given_up["crashes"], reset.returncode) == (2, 0)
    assert [json.loads(reset.stdout)[fact] for fact in ("state", "crashes")] == ["stopped", 0]
    assert seen[0]["name"] == "api"
    wait_until((backed.root / "repaired").exists, 20)
    assert backed.down().returncode == 0
    assert engine.returncode == 0
    assert copies(backed) == []
    for name, step in (("shim", "shutdown route"), ("worker", "SIGTERM"), ("prefect-server", "SIGTERM")):
        assert f"ended by {step}" in _last_end(backed, name), "in order, and reported as it was"
    assert list((backed.data / "parts").glob("*.tmp-*")) == []
    assert events(backed)[-1] == ("stopping", "stopped")
    assert not (backed.data / "control.sock").exists()
    assert json.loads(backed.run("backend", "status", "--json").stdout)["running"] is False


def _last_end(shell: Shell, part: str) -> str:
    """Return what the log of one of Vidra's own parts says about its last end."""
    lines = (shell.data / "logs" / f"{part}.log").read_text("utf-8").splitlines()
    return [line for line in lines if " ended " in line][-1]


def _over_http(shell: Shell) -> list[dict[str, Any]]:
    token = (shell.data / "server_token").read_text().strip()
    base, headers = f"http://127.0.0.1:{shell.shim}/api/v1/backends", {"Authorization": f"Bearer {token}"}
    with httpx.Client(headers=headers, timeout=20) as client:
        with client.stream("GET", f"{base}/events") as stream:
            lines = stream.iter_lines()
            assert next(lines) == ": connected"
            assert client.post(f"{base}/api/restart").status_code == 202
            told = [json.loads(line[6:]) for line in _until_healthy(lines)]
        assert [one["new"] for one in told if one["backend"] == "api"][-1] == "healthy"
        assert client.post(f"{base}/worker/stop").status_code == 404
        assert client.get(f"{base}/api/logs?piece=../server_token").status_code == 422
        assert httpx.get(base).status_code == 401
        listed: list[dict[str, Any]] = client.get(base).json()["backends"]
    return listed


def _until_healthy(lines: Any) -> list[str]:
    told = []
    for line in lines:
        if line.startswith("data: "):
            told.append(line)
            facts = json.loads(line[6:])
            if facts["backend"] == "api" and facts.get("new") == "healthy":
                return told
    raise AssertionError(told)


def _crash(shell: Shell) -> None:
    """Kill the back end: noticed, told, and back by itself."""
    before = backends(shell)["api"]
    os.kill(before["pid"], signal.SIGKILL)
    wait_until(lambda: (now := backends(shell)["api"])["state"] == "healthy" and now["pid"] != before["pid"])
    assert backends(shell)["api"]["crashes"] == 1
    assert ("healthy", "restarting") in events(shell)


def kill_and_come_back(shell: Shell, *, times: int, seed: int) -> None:
    """Kill `vidra up` at random moments, from its first second on, start it again each time; then look."""
    moments = random.Random(seed)
    alive: list[int] = []
    for number in range(times):
        engine = shell.start("up")
        if number == 0:  # before its first start there is nothing to lose
            wait_until(lambda: bool(copies(shell)), 60)
        time.sleep(moments.uniform(0, 6))  # the moment of the kill is what is random here
        engine.kill()
        engine.communicate()
        before, alive = alive, copies(shell)
        assert len(alive) == 1, "the back end lives on, once"
        assert before in ([], alive), "it is the same one"
        _, left = psutil.wait_procs(shell.processes(), timeout=10)
        assert [process.cmdline() for process in left] == [], "our own parts died with it"
    shell.up()
    wait_until(lambda: backends(shell)["api"]["state"] == "healthy", 30)
    assert copies(shell) == alive == [backends(shell)["api"]["pid"]], "no second copy"
    assert starts(shell) == 1, "adopted each time, never started again"
    assert shell.down().returncode == 0
    assert copies(shell) == [], "none lost"
    assert [path.name for path in shell.data.glob("*.lock") if path.name.startswith("vidra")] == []
    assert not (shell.data / "control.sock").exists()
    print(f"{times} kills of `vidra up`: 1 start, 1 copy, 0 left")  # noqa: T201 - the figure, shown with `-s`


def test_killing_the_engine_doubles_and_loses_no_back_end(backed: Shell) -> None:
    """Kill -9 of `vidra up` twice at random moments: adopted each time, one copy, no stale lock (WD-22)."""
    kill_and_come_back(backed, times=2, seed=random.randrange(10**6))


@pytest.mark.long
@pytest.mark.timeout(1800)
def test_twenty_kills_of_the_engine_double_and_lose_nothing(backed: Shell) -> None:
    """The figure of issue 6, at full length."""
    kill_and_come_back(backed, times=20, seed=random.randrange(10**6))


def test_a_back_end_taken_out_of_the_configuration_is_ended(backed: Shell) -> None:
    """Even if its engine was killed and could not end it."""
    engine = backed.start("up")
    wait_until(lambda: bool(copies(backed)), 60)
    engine.kill()
    engine.communicate()
    text = backed.config.read_text("utf-8")
    backed.config.write_text(text[: text.index("backends:")], encoding="utf-8")

    backed.engines.append(backed.start("up"))

    wait_until(lambda: copies(backed) == [], 60)

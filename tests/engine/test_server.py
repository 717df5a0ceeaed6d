"""The embedded server: who may ask it, and that it never outlives who started it."""

from __future__ import annotations

import base64
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import httpx
import psutil
import pytest

from tests.engine.polling import wait_until
from vidra.engine.environment import embedded_environment, prefect_environment
from vidra.engine.interface import EngineStage
from vidra.engine.lifecycle.server import EmbeddedServer, server_command
from vidra.errors import EngineStartFailed
from vidra.settings import Settings


def _basic(server: EmbeddedServer) -> dict[str, str]:
    word = base64.b64encode(server.environment["PREFECT_API_AUTH_STRING"].encode()).decode()
    return {"Authorization": f"Basic {word}"}


def test_the_installed_set_of_versions_can_make_a_server() -> None:
    """Newer FastAPI or SQLAlchemy break this import; a version pin that drifts is found here (PF-01)."""
    code = "import warnings; warnings.simplefilter('ignore'); import prefect.server.api.server"
    subprocess.run([sys.executable, "-c", code], check=True)


def test_health_is_open_and_everything_else_wants_the_password(server: EmbeddedServer) -> None:
    """Loopback included: other people may be logged in on this machine."""
    assert httpx.get(f"{server.api_url}/health").status_code == 200
    assert httpx.get(f"{server.api_url}/admin/version").status_code == 401
    assert httpx.get(f"{server.api_url}/admin/version", headers=_basic(server)).status_code == 200


def test_small_answers_leave_at_once(server: EmbeddedServer) -> None:
    """On a connection that is kept: waiting to fill a packet costs forty milliseconds an answer."""
    took = []
    with httpx.Client() as client:
        for _ in range(10):
            began = time.monotonic()
            client.get(f"{server.api_url}/health")
            took.append(time.monotonic() - began)

    assert min(took[1:]) < 0.03


def test_a_cross_site_post_is_refused(server: EmbeddedServer) -> None:
    """PF-20: a page that a person visits can neither post nor read, even with the browser's password."""
    forged = {"Origin": "https://evil.example", "Content-Type": "text/plain"}
    url = f"{server.api_url}/flows/"

    assert httpx.post(url, headers=forged, content=b'{"name":"x"}').status_code in {401, 403}
    answer = httpx.post(url, headers=forged | _basic(server), content=b'{"name":"x"}')
    assert answer.status_code == 403
    assert "access-control-allow-origin" not in answer.headers


def test_a_rebound_host_name_is_refused(server: EmbeddedServer) -> None:
    """A page whose name was re-bound to loopback still sends its own name."""
    answer = httpx.get(f"{server.api_url}/health", headers={"Host": "evil.example"})

    assert answer.status_code == 400


def test_the_server_listens_on_loopback_only(server: EmbeddedServer) -> None:
    """No other address is bound."""
    assert server.pid is not None
    listening = [c for c in psutil.Process(server.pid).net_connections() if c.status == psutil.CONN_LISTEN]

    assert {connection.laddr.ip for connection in listening} == {"127.0.0.1"}


def test_a_taken_port_is_named(home: Path) -> None:
    """The failure says which port, at once, and holds no traceback."""
    environment = prefect_environment(home=home, auth=None, history_days=1)
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(EngineStartFailed, match=f"port {port}: Address already in use") as failure:
            EmbeddedServer(environment, port=port).__enter__()

    assert "Traceback" not in str(failure.value)


def test_a_server_that_cannot_start_says_why_without_a_traceback(home: Path) -> None:
    """A person reads the last words and where the full log is; frames stay in the log."""
    environment = prefect_environment(home=home, auth=None, history_days=1)
    broken = environment | {"PREFECT_SERVER_EVENTS_RETENTION_PERIOD": "sometimes"}

    with pytest.raises(EngineStartFailed, match="retention_period") as failure:
        EmbeddedServer(broken).__enter__()

    assert "Traceback" not in str(failure.value)
    assert str(home / "server.log") in failure.value.log


def test_a_current_database_is_not_migrated_again(server: EmbeddedServer, engine_settings: Settings) -> None:
    """A later start on the same home goes straight to ready and leaves no process behind."""
    stages: list[EngineStage] = []
    second = EmbeddedServer(
        embedded_environment(engine_settings),
        private=True,
        timeout=60.0,
        on_status=lambda status: stages.append(status.stage),
    )
    with second:
        process = psutil.Process(second.pid)

    assert stages == [EngineStage.STARTING, EngineStage.READY]
    assert not process.is_running()
    assert server.pid != process.pid


@pytest.mark.usefixtures("server")
def test_a_server_ends_when_its_parent_is_killed(engine_settings: Settings) -> None:
    """A parent that had no chance to stop its server leaves none behind (kill -9)."""
    code = (
        "import subprocess, sys, time\n"
        f"server = subprocess.Popen({server_command(private=True)!r}, stdin=subprocess.PIPE)\n"
        "print(server.pid, flush=True)\n"
        "time.sleep(60)"
    )
    environment = os.environ | embedded_environment(engine_settings)
    parent = subprocess.Popen(
        [sys.executable, "-c", code], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert parent.stdout is not None
    child = psutil.Process(int(parent.stdout.readline()))
    assert '"ready"' in next(line for line in parent.stdout if "ready" in line)

    parent.send_signal(signal.SIGKILL)
    parent.wait()
    parent.stdout.close()

    wait_until(lambda: not child.is_running() or child.status() == psutil.STATUS_ZOMBIE)

"""A Prefect server as several machines share it: shipped settings, PostgreSQL, Redis if there is one."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Final

import httpx

from tests.cli.shell import environment
from tests.engine.polling import wait_until
from tests.scale.postgres import free_port

SETTINGS: Final = Path(__file__).parents[2] / "deployments" / "prefect-server.env"
AUTH: Final = "vidra:made-up-for-tests"
OF_REDIS: Final = "prefect_redis"


@dataclass(kw_only=True)
class SharedServer:
    """A server that is not Vidra's own: where it is, how a machine joins it, and what may happen to it."""

    api_url: str
    messaging: str
    """`redis` or `memory`."""
    command: Sequence[str]
    environment: Mapping[str, str]
    log: Path
    process: subprocess.Popen[bytes] | None = None

    @property
    def variables(self) -> dict[str, str]:
        """What the owner sets on every machine."""
        return {"PREFECT_API_URL": self.api_url, "PREFECT_API_AUTH_STRING": AUTH}

    def start(self) -> None:
        """Start it (again) and return once it answers."""
        if self.process is not None:
            self.process.wait(30)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(self.command, env=self.environment, stdout=log, stderr=log)
        process = self.process
        wait_until(lambda: process.poll() is not None or self._answers(), 110)
        assert process.poll() is None, self.log.read_text()[-3000:]

    def send(self, number: signal.Signals) -> None:
        """Send it a signal."""
        assert self.process is not None
        self.process.send_signal(number)

    def stop(self) -> None:
        """End it, even when it was made to stand still."""
        if self.process is None:
            return
        self.process.send_signal(signal.SIGCONT)
        self.process.terminate()
        try:
            self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answers(self) -> bool:
        try:
            return httpx.get(f"{self.api_url}/health", timeout=2).status_code == 200
        except httpx.HTTPError:
            return False


def shipped_settings() -> dict[str, str]:
    """Return what `prefect-server.env` sets."""
    lines = (line.strip() for line in SETTINGS.read_text(encoding="utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))


@contextmanager
def redis(folder: Path) -> Iterator[int | None]:
    """Run a Redis on a free port; yield None where server or client are not installed."""
    server = shutil.which("redis-server")
    if server is None or find_spec(OF_REDIS) is None:
        yield None
        return
    port = free_port()
    options = ["--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    process = subprocess.Popen([server, *options], stdout=subprocess.DEVNULL)
    try:
        yield port
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def shared_server(folder: Path, *, database: str, redis_port: int | None) -> Iterator[SharedServer]:
    """Run `prefect server start` and yield it once it answers."""
    port = free_port()
    variables = {
        **environment(),
        **_messaging(redis_port),
        "PREFECT_HOME": str(folder / "server"),
        "PREFECT_SERVER_DATABASE_CONNECTION_URL": database,
        "PREFECT_SERVER_API_AUTH_STRING": AUTH,
        "PREFECT_SERVER_UI_ENABLED": "false",
    }
    server = SharedServer(
        api_url=f"http://127.0.0.1:{port}/api",
        messaging="memory" if redis_port is None else "redis",
        command=[
            sys.executable,
            "-m",
            "prefect",
            "server",
            "start",
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
        ],
        environment=variables,
        log=folder / "server.log",
    )
    try:
        server.start()
        yield server
    finally:
        server.stop()


def _messaging(redis_port: int | None) -> Mapping[str, str]:
    if redis_port is not None:
        there = {"PREFECT_REDIS_MESSAGING_HOST": "127.0.0.1", "PREFECT_REDIS_MESSAGING_PORT": str(redis_port)}
        return shipped_settings() | there | {"PREFECT_SERVER_DOCKET_URL": f"redis://127.0.0.1:{redis_port}/1"}
    kept = {name: value for name, value in shipped_settings().items() if OF_REDIS not in value}
    return kept | {
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem"
    }

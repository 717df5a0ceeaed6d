"""Secrets that back ends are given and health routes are asked with: never in YAML, never in a log."""

from __future__ import annotations

import sys
from typing import Any

import pytest

from tests.api.serving import free_port
from tests.backends.desk import Desk
from tests.supervisor.worlds import until
from vidra.supervisor.interface import BackendState

pytestmark = pytest.mark.anyio
S = BackendState
WORD = "correct-horse-battery-staple"
KEYS: dict[str, Any] = {
    "env": {"API_TOKEN": "{secret:pocket}", "DATABASE_PATH": "{data_dir}/{name}.db"},
    "health_headers": {"Authorization": "Bearer {secret:pocket}", "X-Asked-By": "vidra"},
}


def declare(desk: Desk) -> None:
    """Declare a back end whose health route demands what stands in its environment."""
    desk.declare(command=desk.program("--demand-token", "--print-token"), startup_limit=5, **KEYS)


async def test_a_secret_health_route_is_asked_with_the_secret(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Given by the environment, it reaches process and request, and no file of ours holds it."""
    monkeypatch.setenv("VIDRA_SECRET_BACKEND_POCKET", WORD)
    declare(desk)
    async with desk.supervised() as supervisor:
        await supervisor.wait("api", {S.HEALTHY}, limit=10)
        await until(lambda: "token" in (desk.shell.data / "logs" / "api.log").read_text())

    told = desk.journal.read_text()
    assert "token accepted" in told
    assert "asked by vidra" in told
    kept = [path for path in desk.shell.data.rglob("*") if path.is_file()]
    assert any(path.name == "api.json" for path in kept)
    assert [path for path in kept if WORD.encode() in path.read_bytes()] == []


async def test_a_missing_secret_is_told_and_storing_it_helps(desk: Desk) -> None:
    """It fails at once and alone, names the remedy, and that remedy works without a restart of Vidra."""
    desk.shell.config.write_text(
        desk.shell.config.read_text("utf-8") + "credentials: {place: file}\n", encoding="utf-8"
    )
    declare(desk)
    desk.declare("other", command=[sys.executable, "-S", "-c", "import time; time.sleep(300)"], port=None,
                 health=None, shutdown=None)  # fmt: skip
    async with desk.supervised() as supervisor:
        await supervisor.wait("other", {S.HEALTHY}, limit=10)
        told = await desk.run("backend", "start", "api")
        desk.shell.variables["GIVEN"] = WORD
        stored = await desk.run("backend", "secret", "pocket", "--secret-env", "GIVEN")
        started = await desk.run("backend", "start", "api")

    assert told.returncode == 1
    assert "VIDRA_SECRET_BACKEND_POCKET, or run `vidra backend secret pocket`" in told.stderr
    assert (stored.returncode, started.returncode) == (0, 0), stored.stderr + started.stderr
    assert WORD not in stored.stdout + started.stdout


async def test_a_watched_service_is_asked_with_the_secret_too(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong one makes it unwell, and the reason does not show it."""
    monkeypatch.setenv("VIDRA_SECRET_BACKEND_POCKET", WORD)
    monkeypatch.setenv("VIDRA_SECRET_BACKEND_WRONG", "another-long-word")
    port = free_port()
    desk.declare(command=desk.program("--demand-token"), port=port, **KEYS)
    for name, secret in (("right", "pocket"), ("wrong", "wrong")):
        desk.declare(
            name,
            command=None,
            port=None,
            shutdown=None,
            startup_limit=2,
            health=f"http://127.0.0.1:{port}/health",
            health_headers={"Authorization": f"Bearer {{secret:{secret}}}"},
        )
    async with desk.supervised() as supervisor:
        await supervisor.wait("right", {S.HEALTHY}, limit=10)
        status = await supervisor.wait("wrong", {S.UNHEALTHY}, limit=10)

    assert "401" in status.reason


async def test_the_names_of_older_programs_are_declared_not_built_in(desk: Desk) -> None:
    """Requirements 7, 11 and 12: a mode flag, paths in the data folder, any name, and loopback only."""
    names = ("ELECTRON_MODE", "DATABASE_PATH", "IMAGE_STORAGE_PATH", "LISTEN")
    show = f"import os, time; print(*(os.environ[n] for n in {names}), flush=True); time.sleep(300)"
    values = ("true", "{data_dir}/{name}.db", "{data_dir}/images", "{host}:{port}")
    desk.declare(
        command=[sys.executable, "-S", "-c", show], port_argument=[], health=None, shutdown=None,
        env=dict(zip(names, values, strict=True)),
    )  # fmt: skip
    async with desk.supervised() as supervisor:
        await until(lambda: supervisor.tail("api"))
        port = supervisor.status("api").port
        (told,) = supervisor.tail("api")

    data = desk.shell.data
    assert told == f"true {data}/api.db {data}/images 127.0.0.1:{port}"

"""One real Prefect server per test process, in a home folder of its own on a free port."""

from __future__ import annotations

import asyncio
import subprocess
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest

from vidra.engine.deployments.applying import Change, apply_deployments
from vidra.engine.deployments.declarations import read_declarations
from vidra.engine.environment import applied, child_environment, embedded_environment
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.engine.worker.work import worker_command
from vidra.settings import Settings, load_settings


@pytest.fixture(scope="session")
def engine_settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Return settings whose data folder belongs to this test process alone."""
    data = tmp_path_factory.mktemp("engine") / "data"
    return load_settings(overrides={"storage.data_dir": data, "engine.start_timeout": 100.0}, environ={})


@pytest.fixture(scope="session")
def server(engine_settings: Settings) -> Iterator[EmbeddedServer]:
    """Run an embedded server with its scheduler."""
    with EmbeddedServer(embedded_environment(engine_settings), timeout=100.0) as running:
        yield running


@pytest.fixture
def connected(server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """Point this process's Prefect settings at the server."""
    with applied(server.environment):
        yield server


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a home folder in which no server has been."""
    return tmp_path / "prefect"


@pytest.fixture(scope="session")
def deployed(server: EmbeddedServer) -> Sequence[Change]:
    """Apply the deployments of `prefect.yaml` beside this file."""
    with applied(server.environment):
        declared = read_declarations(Path(__file__).with_name("prefect.yaml"))
        return asyncio.run(apply_deployments(declared))


@pytest.fixture(scope="session")
def worker(server: EmbeddedServer, deployed: Sequence[Change]) -> Iterator[subprocess.Popen[bytes]]:
    """Run a worker of the tests' pool; it serves every test of this process."""
    assert deployed
    process = subprocess.Popen(
        worker_command(pool="tests", limit=20, name="tested"), env=child_environment(server.environment)
    )
    yield process
    process.terminate()
    assert process.wait(40) == 0


@pytest.fixture
def working(worker: subprocess.Popen[bytes], server: EmbeddedServer) -> Iterator[EmbeddedServer]:
    """Have server and worker, and this process's Prefect settings pointing at the server."""
    assert worker.poll() is None
    with applied(server.environment):
        yield server

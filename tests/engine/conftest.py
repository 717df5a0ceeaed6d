"""One real Prefect server per test process, in a home folder of its own on a free port."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from vidra.engine.environment import applied, embedded_environment
from vidra.engine.server import EmbeddedServer
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

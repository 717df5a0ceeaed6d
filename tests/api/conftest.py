"""Fixtures of the shim's tests."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.engines import WorkingEngine
from tests.api.serving import Shim, settings_in, shim


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Shim]:
    """Run a shim over an engine that only takes note."""
    with shim(tmp_path) as running:
        yield running


@pytest.fixture(scope="session")
def lasting(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Shim]:
    """Run one shim for all tests that leave nothing behind: starting one costs more than asking it."""
    with shim(tmp_path_factory.mktemp("lasting"), wrong_tokens_a_minute=1_000_000) as running:
        yield running


@pytest.fixture
def working(tmp_path: Path) -> Iterator[Shim]:
    """Run a shim over an engine that downloads for real."""
    settings = settings_in(tmp_path)
    engine = WorkingEngine(settings)
    with shim(tmp_path, engine=engine, settings=settings) as running:
        yield running
        engine.close()

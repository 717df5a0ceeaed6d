"""A folder for one supervisor, and the event loop its tests run in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.supervisor.worlds import World


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Return a folder for one supervisor."""
    return World(tmp_path)


@pytest.fixture
def anyio_backend() -> str:
    """Return the event loop of the supervisor; it uses asyncio's readers."""
    return "asyncio"

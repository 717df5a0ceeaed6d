"""A folder for one supervisor, and the event loop its tests run in."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.supervisor.worlds import World
from vidra.supervisor.survivors import find_survivors


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    """Return a folder for one supervisor; back ends a failed test left running are ended."""
    made = World(tmp_path)
    yield made
    for survivor in find_survivors(f"{made.supervisor()._home}:"):
        survivor.identity.send(signal.SIGKILL)


@pytest.fixture
def anyio_backend() -> str:
    """Return the event loop of the supervisor; it uses asyncio's readers."""
    return "asyncio"

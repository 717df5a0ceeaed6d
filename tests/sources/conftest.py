"""A house for each test."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.sources.house import House
from vidra.clock import ManualClock
from vidra.state import open_state


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    """Yield an empty house whose clock stands still."""
    clock = ManualClock(datetime(2026, 11, 20, 20, 0, tzinfo=UTC))
    with open_state(tmp_path / "data", clock=clock) as state:
        yield House(folder=tmp_path / "data", state=state, clock=clock)

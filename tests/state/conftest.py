"""Both implementations of the state, for the contract every one of them keeps."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.state.builders import START
from vidra.clock import ManualClock
from vidra.state import State, memory_state, open_state


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(START)


@pytest.fixture(params=["journal", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path, clock: ManualClock) -> Iterator[State]:
    """Yield an empty state that keeps five log lines."""
    if request.param == "journal":
        with open_state(tmp_path / "data", clock=clock, log_lines_kept=5) as opened:
            yield opened
    else:
        yield memory_state(clock=clock, log_lines_kept=5)

"""What a job has to tell is stored at once while it is little, and together when it comes in crowds."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tasks.outbox import AT_ONCE, Outbox
from tests.engine.polling import wait_until
from vidra.clock import ManualClock, iso
from vidra.errors import JobNotFound
from vidra.state import MemoryState, memory_state
from vidra.state.interface import Entry, Job, JobProgress, LogLine

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def state() -> MemoryState:
    """Return a state with one job of one entry."""
    made = memory_state()
    made.jobs.add(Job(job_id="j", urls=("https://example.org/",), created_at=iso(NOW)))
    made.entries("j").put([Entry(index=1, url="https://example.org/1")])
    return made


@pytest.fixture
def outbox(state: MemoryState) -> Outbox:
    """Return an outbox whose clock stands still, so that all comes in the same moment."""
    return Outbox(state, "j", clock=ManualClock(NOW))


def _line(number: int) -> LogLine:
    return LogLine(timestamp=iso(NOW), level="info", message=str(number))


def _lines(state: MemoryState) -> list[str]:
    return [line.message for line in state.logs.tail("j")[1]]


def test_little_is_stored_at_once_and_a_crowd_together(state: MemoryState, outbox: Outbox) -> None:
    """The first lines stand there at once; the many that follow are in one piece, complete and in order."""
    for number in range(AT_ONCE):
        outbox.add_line(_line(number))
    assert len(_lines(state)) == AT_ONCE
    before = state.logs.tail("j")[0]
    for number in range(AT_ONCE, 200):
        outbox.add_line(_line(number))
    assert state.logs.tail("j")[0] == before

    outbox.flush()

    assert _lines(state) == [str(number) for number in range(200)]


def test_what_waits_is_stored_by_itself(state: MemoryState, outbox: Outbox) -> None:
    """Nobody has to tell anything further for the last line to arrive."""
    for number in range(AT_ONCE + 1):
        outbox.add_line(_line(number))

    wait_until(lambda: len(_lines(state)) == AT_ONCE + 1)


def test_the_last_figures_count_and_dropped_ones_do_not_come_back(state: MemoryState, outbox: Outbox) -> None:
    """A result that was stored meanwhile is not overwritten by figures from before."""
    for percent in range(AT_ONCE + 5):
        outbox.set_figures(JobProgress(percent=percent), index=1, entry=JobProgress(percent=percent))
    outbox.drop_figures(1)
    state.entries("j").update(1, progress=None)

    outbox.flush()

    progress = state.jobs.progress("j")
    assert progress is not None
    assert progress.percent == AT_ONCE + 4
    assert state.entries("j").get(1).progress is None


def test_trouble_with_what_waited_is_told_to_the_next(state: MemoryState, outbox: Outbox) -> None:
    """A state that cannot be written to does not stay unnoticed."""
    for _ in range(AT_ONCE + 1):
        outbox.set_figures(JobProgress(percent=1))
    state.jobs.remove("j")

    def tell() -> bool:
        outbox.set_figures(JobProgress(percent=2))
        return False

    with pytest.raises(JobNotFound):
        wait_until(tell)

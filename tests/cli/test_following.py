from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.cli.records import a_job, an_entry, at
from vidra.cli.following import JobFollower
from vidra.cli.progress import Change, EntryChanged, JobChanged, LogAppended, ProgressChanged, Renderer
from vidra.state import State, memory_state, open_state
from vidra.state.interface import EntryStatus, JobStatus, LogLine


class Notes(Renderer):
    """A display that only remembers."""

    def __init__(self) -> None:
        self.changes: list[Change] = []

    def show(self, change: Change) -> None:
        """Remember the change."""
        self.changes.append(change)

    def finish(self) -> None:
        """Show nothing."""


@pytest.fixture(params=["files", "memory"])
def state(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[State]:
    """Hold one job with one waiting entry, on either kind of state."""
    with memory_state() if request.param == "memory" else open_state(tmp_path / "data") as state:
        state.jobs.add(a_job(status=JobStatus.RUNNING))
        state.entries("job-1").put([an_entry(1)])
        yield state


def test_what_was_there_before_is_shown_first(state: State) -> None:
    """A resumed job starts with its figures and its entries."""
    state.jobs.set_progress("job-1", at(40.0))
    notes = Notes()
    with JobFollower(state, "job-1", notes):
        pass
    assert [type(change) for change in notes.changes] == [JobChanged, ProgressChanged, EntryChanged]


def test_everything_written_before_the_end_is_shown(state: State) -> None:
    """The job's last word comes after its entries' last words."""
    notes = Notes()
    with JobFollower(state, "job-1", notes):
        state.entries("job-1").update(1, status=EntryStatus.COMPLETED)
        state.logs.append("job-1", [LogLine(timestamp="t", level="info", message="m")])
        state.jobs.update("job-1", status=JobStatus.COMPLETED)
    (entry,) = [c.entry for c in notes.changes[2:] if isinstance(c, EntryChanged)]
    assert entry.status is EntryStatus.COMPLETED
    assert any(isinstance(change, LogAppended) for change in notes.changes)
    last = notes.changes[-1]
    assert isinstance(last, JobChanged)
    assert last.job.status is JobStatus.COMPLETED


def test_a_new_record_keeps_the_entrys_figures(state: State) -> None:
    """Records and figures are told apart; a bar must not fall back in between."""
    notes = Notes()
    with JobFollower(state, "job-1", notes):
        state.entries("job-1").update(1, durable=False, progress=at(40.0))
        state.entries("job-1").update(1, title="Known now")
    last = [change.entry for change in notes.changes if isinstance(change, EntryChanged)][-1]
    assert last.title == "Known now"
    assert last.progress is not None
    assert last.progress.percent == 40.0


def test_a_job_that_is_forgotten_meanwhile_is_no_error(state: State) -> None:
    """A dry run ends like that."""
    notes = Notes()
    with JobFollower(state, "job-1", notes):
        state.remove_job("job-1")
    assert notes.changes


def test_a_display_that_fails_is_told_at_the_end(state: State) -> None:
    """A closed pipe must not stop the work half-way, but it must not be hidden either."""

    class Closed(Notes):
        def show(self, change: Change) -> None:
            if isinstance(change, LogAppended):
                raise BrokenPipeError

    with pytest.raises(BrokenPipeError), JobFollower(state, "job-1", Closed()):
        state.logs.append("job-1", [LogLine(timestamp="t", level="info", message="m")])

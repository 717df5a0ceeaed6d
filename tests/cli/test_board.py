from __future__ import annotations

from tests.cli.records import active, an_entry, at, done, failed, told, told_job
from vidra.cli.progress import Change, ProgressChanged
from vidra.cli.progress.board import Board
from vidra.state.interface import EntryStatus


def board_after(*changes: Change) -> Board:
    """Return a board that was told these changes."""
    board = Board()
    for change in changes:
        board.apply(change)
    return board


def test_only_entries_at_work_are_active() -> None:
    """One that is over makes room."""
    board = board_after(told(active(1)), told(active(2)), told(done(1)), told(an_entry(3)))
    assert [entry.index for entry in board.active()] == [2]


def test_the_same_record_twice_counts_once() -> None:
    """The feed may tell a change again."""
    totals = board_after(told(done(1)), told(done(1)), told(failed(2)), told(failed(2))).totals()
    assert (totals.entries, totals.completed, totals.failed, totals.bytes) == (2, 1, 1, 28_416_410)


def test_a_retried_entry_is_no_failure_any_more() -> None:
    """Counts follow the record, both ways."""
    assert board_after(told(failed(1)), told(active(1))).totals().failed == 0


def test_totals_add_what_is_over_and_what_is_under_way() -> None:
    """Percent counts entries: 2 of 4 over, one half there."""
    totals = board_after(
        told_job(total_items=4), told(done(1)), told(failed(2)), told(active(3, 50.0, speed=1000.0))
    ).totals()
    assert (totals.entries, totals.percent, totals.speed) == (4, 62.5, 1000.0)
    assert totals.bytes == 28_416_410 + 50 * 1024 * 1024


def test_removed_entries_do_not_count() -> None:
    """A selection takes the others off the list."""
    board = board_after(told(done(1)), told(an_entry(2, status=EntryStatus.REMOVED)))
    assert board.totals().entries == 1


def test_a_job_without_entries_shows_its_own_figures() -> None:
    """Before the list is known there is only the job."""
    board = board_after(told_job(), ProgressChanged(job_id="job-1", progress=at(30.0, speed=5.0, eta=9)))
    totals = board.totals()
    assert (totals.percent, totals.speed, totals.eta) == (30.0, 5.0, 9)


def test_several_jobs_are_summed() -> None:
    """Entries of different jobs may have the same index."""
    board = board_after(told(done(1), "a"), told(active(1, 50.0), "b"))
    assert (board.totals().entries, board.totals().percent) == (2, 75.0)


def test_an_empty_board_has_nothing_to_tell() -> None:
    """Nothing is divided by nothing."""
    assert Board().totals().percent is None

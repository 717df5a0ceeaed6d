"""What every entry, option and log store and every archive promises."""

from __future__ import annotations

import pytest

from tests.state.builders import a_job, an_entry, lines
from vidra.clock import ManualClock
from vidra.errors import StateBusy, UsageError
from vidra.state import State
from vidra.state.interface import EntryStatus, JobProgress


def test_entries_come_back_by_index(state: State) -> None:
    """In order of the index, whatever the order in which they were stored."""
    entries = state.entries("job-1")
    entries.put([an_entry(3), an_entry(1, title="first"), an_entry(2)])
    assert [entry.index for entry in entries.all()] == [1, 2, 3]
    assert entries.get(1) == an_entry(1, title="first")
    assert not state.entries("job-2").all()


def test_an_entry_that_is_not_there_is_a_lookup_error(state: State) -> None:
    """For reading and for changing."""
    entries = state.entries("job-1")
    with pytest.raises(LookupError, match="9"):
        entries.get(9)
    with pytest.raises(LookupError, match="9"):
        entries.update(9, title="x")


def test_an_index_below_one_stores_nothing(state: State) -> None:
    """Not even the good entries beside it."""
    with pytest.raises(ValueError, match="index"):
        state.entries("job-1").put([an_entry(1), an_entry(0)])
    assert not state.entries("job-1").all()


def test_progress_of_an_entry_comes_and_goes(state: State) -> None:
    """It is a field like others to the caller, and does not touch them."""
    entries = state.entries("job-1")
    entries.put([an_entry(1, title="kept")])
    progress = JobProgress(percent=40.0, downloaded_bytes=4)
    assert entries.update(1, durable=False, progress=progress).progress == progress
    assert entries.get(1) == an_entry(1, title="kept", progress=progress)
    assert entries.update(1, status=EntryStatus.COMPLETED, progress=None).progress is None
    assert entries.get(1).status is EntryStatus.COMPLETED


def test_the_tally_follows_every_change(state: State) -> None:
    """Puts, replacements and updates; statuses without entries are left out."""
    entries = state.entries("job-1")
    entries.put(an_entry(index) for index in range(1, 5))
    entries.update(1, status=EntryStatus.COMPLETED)
    entries.update(2, status=EntryStatus.FAILED)
    entries.put([an_entry(3, status=EntryStatus.COMPLETED)])
    expected = {EntryStatus.PENDING: 1, EntryStatus.COMPLETED: 2, EntryStatus.FAILED: 1}
    assert dict(entries.tally()) == expected


def test_options_keep_their_version_until_they_change(state: State, clock: ManualClock) -> None:
    """Clients fetch anew when the version changes, so it must not without need."""
    first = state.options.save("job-1", {"format": "best", "subs": ["en"]})
    clock.advance(5)
    assert state.options.save("job-1", {"subs": ["en"], "format": "best"}) == first
    second = state.options.save("job-1", {"format": "worst"})
    assert second == first + 5000
    assert state.options.load("job-1") == (second, {"format": "worst"})


def test_versions_rise_when_the_clock_stands_still(state: State) -> None:
    """Two changes within a millisecond are two versions."""
    first = state.options.save("job-1", {"a": 1})
    assert state.options.save("job-1", {"a": 2}) == first + 1
    first = state.logs.append("job-1", lines("one"))
    assert state.logs.append("job-1", lines("two")) == first + 1


def test_options_of_one_job_are_not_those_of_another(state: State) -> None:
    """And removing them leaves the others alone."""
    state.options.save("job-1", {"a": 1})
    state.options.save("job-2", {"a": 2})
    state.options.remove("job-1")
    state.options.remove("job-1")
    assert state.options.load("job-1") == (None, {})
    assert state.options.load("job-2")[1] == {"a": 2}


def test_logs_keep_the_newest_lines(state: State) -> None:
    """Five are kept here; the oldest go first, also within one call."""
    state.logs.append("job-1", lines("1", "2", "3"))
    state.logs.append("job-1", lines("4", "5", "6"))
    version, found = state.logs.tail("job-1")
    assert [line.message for line in found] == ["2", "3", "4", "5", "6"]
    assert version is not None
    state.logs.append("job-1", lines(*"abcdefgh"))
    assert [line.message for line in state.logs.tail("job-1")[1]] == list("defgh")


def test_a_tail_can_be_shorter(state: State) -> None:
    """The newest lines, oldest first; none for a limit of zero."""
    state.logs.append("job-1", lines("1", "2", "3"))
    assert [line.message for line in state.logs.tail("job-1", limit=2)[1]] == ["2", "3"]
    assert not state.logs.tail("job-1", limit=0)[1]
    assert state.logs.tail("job-2") == (None, ())


def test_undecodable_text_in_a_line_is_kept_readable(state: State) -> None:
    """A program's stray bytes must not stop its job."""
    state.logs.append("job-1", lines("caf\udce9"))
    assert state.logs.tail("job-1")[1][0].message == "caf?"


def test_no_lines_are_no_change(state: State) -> None:
    """The version stays, and there are still none."""
    state.logs.append("job-1", [])
    assert state.logs.tail("job-1")[1] == ()


def test_the_archive_records_a_key_once(state: State) -> None:
    """Adding says whether it was new, removing whether it was there."""
    archive = state.archive
    assert archive.add("site abc")
    assert not archive.add("site abc")
    assert archive.add("site abcd")
    assert "site abc" in archive
    assert "site ab" not in archive
    assert archive.remove("site abc")
    assert not archive.remove("site abc")
    assert archive.keys() == {"site abcd"}


@pytest.mark.parametrize("key", ["", "  ", "a\nb", "a b\n", " a b", "a\rb", "a\u2028b"])
def test_a_key_that_would_break_the_archive_is_refused(state: State, key: str) -> None:
    """One line each, no blanks around it."""
    with pytest.raises(UsageError, match="archive key"):
        state.archive.add(key)
    assert not state.archive.keys()


def test_a_job_lock_is_held_once_and_says_by_whom(state: State) -> None:
    """Until it is released; asking does not wait."""
    state.jobs.add(a_job())
    first, second = state.job_lock("job-1", purpose="download"), state.job_lock("job-1")
    assert first.holder() is None
    with first:
        assert not second.try_acquire()
        holder = second.holder()
        assert holder is not None
        assert holder.purpose == "download"
        with pytest.raises(StateBusy, match="download"), second:
            pytest.fail("the lock was given twice")
    assert second.try_acquire()
    second.release()
    second.release()
    assert first.holder() is None

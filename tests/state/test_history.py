"""How far back the change feed reaches, and when it says that it does not."""

from __future__ import annotations

from pathlib import Path

from tests.state.builders import a_job
from vidra.state import open_state
from vidra.state.journal import Journal


def ids(batch: object) -> list[str]:
    """Return the ids in a batch."""
    return [change.job_id for change in batch.changes]  # type: ignore[attr-defined]  # a Batch


def test_a_clean_restart_loses_no_history(tmp_path: Path) -> None:
    """A client that was away comes back with its cursor and gets the rest."""
    with open_state(tmp_path) as state:
        state.jobs.add(a_job("a"))
        cursor = state.feed().now()
        state.jobs.add(a_job("b"))
    with open_state(tmp_path) as state:
        state.jobs.add(a_job("c"))
        assert ids(state.feed().since(cursor)) == ["b", "c"]


def test_the_history_reaches_over_one_compaction(tmp_path: Path) -> None:
    """The generation before is kept; what is older asks for a reset."""
    with open_state(tmp_path) as state:
        journal, feed = Journal(tmp_path / "download_state.json"), state.feed()
        state.jobs.add(a_job("a"))
        cursor = feed.now()
        state.jobs.add(a_job("b"))
        journal.compact()
        state.jobs.add(a_job("c"))
        assert ids(state.feed().since(cursor)) == ["b", "c"]
        assert ids(feed.since(cursor)) == ["b", "c"]
        journal.compact()
        batch = state.feed().since(cursor)
        assert batch.reset
        state.jobs.add(a_job("d"))
        assert ids(state.feed().since(batch.cursor)) == ["d"]


def test_a_follower_goes_through_a_compaction_unharmed(tmp_path: Path) -> None:
    """Nothing twice, nothing missed, no reset."""
    with open_state(tmp_path) as state:
        journal, feed = Journal(tmp_path / "download_state.json"), state.feed()
        cursor, seen = feed.now(), list[str]()
        for number in range(40):
            state.jobs.add(a_job(f"j{number}"))
            if number % 7 == 3:
                journal.compact()
            if number % 3 == 0:
                batch = feed.since(cursor)
                assert not batch.reset
                seen, cursor = seen + ids(batch), batch.cursor
        assert seen == [f"j{number}" for number in range(40)]


def test_a_restored_file_asks_for_a_reset(tmp_path: Path) -> None:
    """After damage numbers are used anew, so cursors from before must not fit."""
    with open_state(tmp_path) as state:
        for name in "abc":
            state.jobs.add(a_job(name))
        cursor = state.feed().now()
    path = tmp_path / "download_state.journal"
    path.write_bytes(path.read_bytes().replace(b'"job_id":"b"', b'"job_id":"B"'))
    (tmp_path / "download_state.json").unlink()
    with open_state(tmp_path, repair=True) as state:
        for name in "xyz":
            state.jobs.add(a_job(name))
        assert state.feed().since(cursor).reset


def test_a_start_of_the_machine_asks_for_a_reset(tmp_path: Path) -> None:
    """What was not synced may be gone then, and its numbers used anew."""
    with open_state(tmp_path) as state:
        state.jobs.add(a_job("a"))
        journal = state.database("other").journal
        journal.change(lambda _: [("t", 1, {})])
    path = tmp_path / "other.json"
    with Journal(path).reading() as replica:
        meta = dict(replica.tables["_meta"][1])
    Journal(path).change(lambda _: [("_meta", 1, meta | {"boot": "the one before"})])
    Journal(path).change(lambda _: [("t", 2, {})])
    with Journal(path).reading() as replica:
        assert replica.tables["_meta"][1]["origin"] != meta["origin"]
        assert replica.tables["t"] == {1: {}, 2: {}}


def test_a_removed_and_new_job_of_one_id_is_told_in_order(tmp_path: Path) -> None:
    """Side files that start over ask for a reset of that job's feed."""
    with open_state(tmp_path) as state:
        state.jobs.add(a_job("a"))
        state.options.save("a", {"x": 1})
        feed = state.feed("a")
        cursor = feed.now()
        state.remove_job("a")
        state.jobs.add(a_job("a"))
        state.options.save("a", {"x": 2})
        assert feed.since(cursor).reset

"""Documents of other schema versions: older ones are migrated, newer ones refused, never guessed."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.state.builders import TABLE, put, things
from vidra.errors import StateError, StateTooNew
from vidra.state import open_state
from vidra.state.frame import Document
from vidra.state.journal import Journal
from vidra.state.schema import Schema


def split_name(document: Document) -> Document:
    """Go from version 1 to 2."""
    first, last = document.pop("name").split()
    return document | {"first": first, "last": last}


def shout(document: Document) -> Document:
    """Go from version 2 to 3."""
    return document | {"last": document["last"].upper()}


NEWEST = {TABLE: Schema(version=3, steps={1: split_name, 2: shout})}
OLD = {"version": 1, "name": "Ada Byron"}
NEW = {"version": 3, "first": "Ada", "last": "BYRON"}


def test_an_older_document_is_read_as_the_newest(tmp_path: Path) -> None:
    """ST-16: step by step; reading alone changes no file."""
    put(Journal(tmp_path / "a.json"), 1, OLD)
    before = (tmp_path / "a.journal").read_bytes()
    with Journal(tmp_path / "a.json", schemas=NEWEST).reading() as replica:
        assert replica.tables[TABLE] == {1: NEW}
    assert (tmp_path / "a.journal").read_bytes() == before


def test_settling_writes_the_newest_and_keeps_the_original(tmp_path: Path) -> None:
    """ST-16: under a dated name."""
    old = Journal(tmp_path / "a.json")
    put(old, 1, OLD)
    old.compact()
    Journal(tmp_path / "a.json", schemas=NEWEST).settle()
    assert things(tmp_path / "a.json") == {1: NEW}
    [kept] = tmp_path.glob("a.migrated-*.json")
    assert "Ada Byron" in kept.read_text()


def test_an_older_process_may_still_be_writing(tmp_path: Path) -> None:
    """What it appends is migrated on the way in."""
    newer = Journal(tmp_path / "a.json", schemas=NEWEST)
    put(newer, 1, NEW)
    put(Journal(tmp_path / "a.json"), 2, OLD)
    with newer.reading() as replica:
        assert replica.tables[TABLE] == {1: NEW, 2: NEW}


@pytest.mark.parametrize("compacted", [True, False])
def test_a_newer_document_is_refused_and_nothing_is_changed(tmp_path: Path, compacted: bool) -> None:
    """ST-16: in the snapshot as in the journal; a rollback of Vidra must not eat state."""
    journal = Journal(tmp_path / "a.json")
    put(journal, 1, {"version": 4, "later": True})
    if compacted:
        journal.compact()
    before = {path: path.read_bytes() for path in tmp_path.iterdir()}
    older = Journal(tmp_path / "a.json", schemas=NEWEST)
    with pytest.raises(StateTooNew, match="schema 4, this one knows 3"):
        put(older, 2, NEW)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_document_that_says_no_version_is_refused(tmp_path: Path) -> None:
    """ST-16: never guessed."""
    put(Journal(tmp_path / "a.json"), 1, {"name": "Ada Byron"})
    with pytest.raises(StateError, match="without a schema version"):
        Journal(tmp_path / "a.json", schemas=NEWEST).settle()


def test_a_state_written_by_a_newer_vidra_is_refused_at_the_start(tmp_path: Path) -> None:
    """The whole file format has a number, too."""
    with open_state(tmp_path):
        pass
    (tmp_path / "download_state.json").write_text(
        '{"_meta":{"1":{"format":2,"seq":0,"base":0,"offset":0,"crc":"0"}}}'
    )
    with pytest.raises(StateTooNew, match="upgrade Vidra"):
        open_state(tmp_path)


def test_a_record_that_does_not_fit_is_named(tmp_path: Path) -> None:
    """A document of the right version with a wrong field says which."""
    Journal(tmp_path / "download_state.json").change(
        lambda _: [
            ("jobs", 1, {"version": 1, "job_id": "job-1", "status": "queued", "urls": 3, "created_at": ""})
        ]
    )
    with open_state(tmp_path) as state, pytest.raises(StateError, match="urls"):
        state.jobs.get("job-1")

"""The files stay TinyDB files: stock TinyDB reads ours, we read its, and our table behaves as its table."""

from __future__ import annotations

from collections.abc import MutableMapping
from pathlib import Path
from typing import Any

import pytest
from tinydb import TinyDB, where
from tinydb.table import Document

from tests.state.builders import TABLE, a_job, things
from vidra.errors import StateDamaged
from vidra.state import open_state
from vidra.state.database import JournalDB
from vidra.state.journal import Journal


def test_stock_tinydb_reads_what_a_clean_close_leaves(tmp_path: Path) -> None:
    """Jobs are documents of the table `jobs` with integer ids."""
    with open_state(tmp_path) as state:
        state.jobs.add(a_job(error="Ünïcode"))
    with TinyDB(tmp_path / "download_state.json", encoding="utf-8") as plain:
        [document] = plain.table("jobs").search(where("job_id") == "job-1")
    assert document.doc_id == 1
    assert document["error"] == "Ünïcode"


def test_a_file_of_stock_tinydb_is_taken_over(tmp_path: Path) -> None:
    """ST-13: the original is kept under a dated name, and the ids stay."""
    with TinyDB(tmp_path / "a.json") as plain:
        plain.table(TABLE).insert({"name": "one"})
        plain.table(TABLE).insert(Document({"name": "seven"}, doc_id=7))
    assert things(tmp_path / "a.json") == {1: {"name": "one"}, 7: {"name": "seven"}}
    assert JournalDB(tmp_path / "a.json").table(TABLE).insert({"name": "eight"}) == 8
    assert len(things(tmp_path / "a.json")) == 3
    [kept] = tmp_path.glob("a.imported-*.json")
    assert "eight" not in kept.read_text()


@pytest.mark.parametrize(
    "content", ["{", "[1]", '{"things": [1]}', '{"things": {"one": {}}}', "null", "\0" * 9]
)
def test_a_file_that_is_nobodys_is_kept_aside(tmp_path: Path, content: str) -> None:
    """ST-13: started empty, said aloud, nothing deleted."""
    (tmp_path / "a.json").write_text(content)
    with pytest.raises(StateDamaged) as raised:
        things(tmp_path / "a.json")
    assert raised.value.quarantine is not None
    assert raised.value.quarantine.read_text() == content
    assert things(tmp_path / "a.json") == {}


def test_a_file_can_be_edited_by_hand_when_compacted(tmp_path: Path) -> None:
    """With `_meta` removed it counts as it is."""
    journal = Journal(tmp_path / "a.json")
    journal.change(lambda _: [(TABLE, 1, {"name": "old"})])
    journal.compact()
    with TinyDB(tmp_path / "a.json") as plain:
        plain.drop_table("_meta")
        plain.table(TABLE).update({"name": "edited"}, doc_ids=[1])
    assert things(tmp_path / "a.json") == {1: {"name": "edited"}}


def test_an_edit_that_forgot_the_journal_is_not_taken(tmp_path: Path) -> None:
    """Otherwise its changes would be played on top of the edit."""
    journal = Journal(tmp_path / "a.json")
    journal.change(lambda _: [(TABLE, 1, {"name": "old"})])
    journal.checkpoint()
    (tmp_path / "a.json").write_text('{"things": {"1": {"name": "edited"}}}')
    with pytest.raises(StateDamaged, match="did not write"):
        things(tmp_path / "a.json")
    assert things(tmp_path / "a.json") == {1: {"name": "old"}}


def both(tmp_path: Path) -> tuple[TinyDB, JournalDB]:
    """Return stock TinyDB and ours, side by side."""
    return TinyDB(tmp_path / "stock.json"), JournalDB(tmp_path / "ours.json")


def test_the_table_answers_as_stock_tinydb_does(tmp_path: Path) -> None:
    """One script over all calls, the answers compared."""

    def bump(document: MutableMapping[str, Any]) -> None:
        document["n"] += 10

    answers: list[list[object]] = []
    for database in both(tmp_path):
        table = database.table("t")
        answers.append(
            [
                table.insert({"n": 1}),
                table.insert_multiple([{"n": 2}, {"n": 3}, {"n": 3}]),
                table.insert(Document({"n": 9}, doc_id=20)),
                table.insert({"n": 4}),
                table.update({"m": 1}, where("n") == 3),
                table.update(bump, doc_ids=[1, 99]),
                table.update_multiple([({"k": 1}, where("n") == 2), ({"k": 2}, where("n") == 4)]),
                table.upsert({"n": 4, "u": 1}, where("n") == 4),
                table.upsert({"n": 77}, where("n") == 77),
                table.remove(where("n") == 2),
                table.remove(doc_ids=[4]),
                table.get(doc_id=3),
                table.get(where("n") == 9),
                table.get(doc_id=1234),
                table.get(doc_ids=[1, 3]),
                table.contains(where("n") == 77),
                table.contains(doc_id=2),
                table.count(where("n") > 3),
                sorted(d.doc_id for d in table.search(where("n") > 3)),
                sorted(d.doc_id for d in table),
                len(table),
                table.all(),
                sorted(database.tables()),
            ]
        )
        database.drop_table("t")
        answers[-1] += [sorted(database.tables()), database.insert({"default": True}), len(database)]
        database.drop_tables()
        answers[-1] += [sorted(database.tables()), len(database)]
        database.close()
    assert answers[0] == answers[1]


def test_what_a_table_returns_is_a_copy(tmp_path: Path) -> None:
    """Changing it does not change what is stored."""
    table = JournalDB(tmp_path / "a.json").table("t", unique="name")
    table.insert({"name": "x", "list": [1]})
    for document in (
        table.get(doc_id=1),
        table.look_up("x"),
        *table.all(),
        *table.search(where("name") == "x"),
    ):
        assert isinstance(document, Document)
        document["list"].append(2)
    assert table.get(doc_id=1) == {"name": "x", "list": [1]}


def test_an_id_in_use_is_refused_whole(tmp_path: Path) -> None:
    """None of the documents of the call is stored."""
    table = JournalDB(tmp_path / "a.json").table("t")
    table.insert({"n": 1})
    with pytest.raises(ValueError, match="ID 1"):
        table.insert_multiple([{"n": 2}, Document({"n": 3}, doc_id=1)])
    assert table.all() == [{"n": 1}]


def test_the_unique_index_follows_other_writers(tmp_path: Path) -> None:
    """Insert, rename and removal by another handle are seen by a look-up."""
    mine = JournalDB(tmp_path / "a.json").table("t", unique="name")
    theirs = JournalDB(tmp_path / "a.json").table("t")
    assert mine.look_up("x") is None
    theirs.insert({"name": "x"})
    assert mine.look_up("x") == {"name": "x"}
    theirs.update({"name": "y"}, doc_ids=[1])
    assert mine.look_up("x") is None
    assert mine.look_up("y") == {"name": "y"}
    theirs.truncate()
    assert mine.look_up("y") is None

"""`vidra state` looks after libraries and the queue of watch changes like after everything else."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from tinydb import TinyDB

from tests.cli.conftest import Vidra, home, vidra
from tests.library.syncing import Desk
from tests.servers.sources import plex_with_library
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.library.acting import mark, record_changes
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue, open_shelf
from vidra.settings.storage import StorageSettings

__all__ = ["home", "vidra"]


@pytest.fixture
def data(home: Path) -> Path:
    """Return a data folder with a library and a change that waits, left as a kill leaves it."""
    storage = StorageSettings(data_dir=home / "data")
    shelf = open_shelf(storage, "home")
    Desk(shelf, plex_with_library()).sync()
    with Library(storage) as library:
        film = library.find("tmdb://603")
    record_changes(open_queue(storage), shelf, [mark(film, watched=True, clock=SYSTEM_CLOCK)])
    return storage.data_dir


def test_check_reads_libraries_and_the_queue(data: Path, vidra: Vidra) -> None:
    """What is in them; a damaged one is told and left as it is."""
    said = vidra("state", "check")
    assert (said.code, said.err) == (0, "")
    assert "12 items" in next(line for line in said.out.splitlines() if "library/home.json" in line)
    assert "watch_queue.json: 1 changes" in said.out
    journal = data / "library" / "home.journal"
    journal.write_bytes(spoiled := journal.read_bytes().replace(b"The Matrix", b"Another ..", 1))
    found = json.loads(vidra("state", "check", "--json").out)["files"]
    assert {file["file"]: file["sound"] for file in found} == {
        "watch_queue.json": True,
        "library/home.json": False,
    }
    assert journal.read_bytes() == spoiled


def test_compact_makes_plain_files_that_hold_the_same(data: Path, vidra: Vidra) -> None:
    """Any TinyDB opens them; the library and the queue read on as before."""
    assert vidra("state", "compact").code == 0
    with TinyDB(data / "library" / "home.json") as plain:
        assert len(plain.table("items")) == 12
    with TinyDB(data / "watch_queue.json") as plain:
        assert [one["item"] for one in plain.table("changes")] == ["1/movie/1"]
    assert "The Matrix" in vidra("library", "search", "matrix").out
    assert len(json.loads(vidra("library", "queue", "--json").out)) == 1
    assert vidra("state", "check").code == 0


@pytest.mark.usefixtures("data")
def test_export_has_libraries_and_the_queue(vidra: Vidra) -> None:
    """File, table, document, as with the rest."""
    page = json.loads(vidra("state", "export").out)
    items = page["library/home.json"]["items"].values()  # sections are listed at the same time: any order
    assert len(items) == 12
    assert "The Matrix" in {item["title"] for item in items}
    assert page["watch_queue.json"]["changes"]["1"]["watched"] is True

"""`vidra library`: what a person sees of libraries, with the servers away."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.conftest import Vidra
from tests.library.syncing import Desk
from tests.servers.sources import plex_with_library
from vidra.engine.library.shelves import open_shelf
from vidra.settings.storage import StorageSettings


@pytest.fixture
def shelf(home: Path) -> None:
    """Know the library of one server that is not there any more."""
    with open_shelf(StorageSettings(data_dir=home / "data"), "home") as store:
        fake = plex_with_library()
        fake.add_playlist(77, "Evening", 1)
        Desk(store, fake).sync()


pytestmark = pytest.mark.usefixtures("shelf")


def test_sections_are_listed_with_what_they_hold(vidra: Vidra) -> None:
    """Without further words."""
    said = vidra("library", "ls")
    assert (said.code, said.err) == (0, "")
    assert "3 movie" in said.out
    assert "1 show, 2 season, 6 episode" in said.out


def test_a_section_is_listed_by_its_title(vidra: Vidra) -> None:
    """Or by its id; a wrong one is answered with those there are."""
    assert "Alien" in vidra("library", "ls", "home/films").out
    assert "Alien" in vidra("library", "ls", "home/1").out
    wrong = vidra("library", "ls", "home/Filme")
    assert wrong.code == 2
    assert "`Films`" in wrong.err


def test_items_are_chosen_by_what_was_watched(vidra: Vidra) -> None:
    """And by kind, year, genre; as JSON with a total."""
    page = json.loads(vidra("library", "ls", "home", "--watched", "--json").out)
    assert [item["title"] for item in page["items"]] == ["Alien"]
    assert page["total"] == 1
    assert json.loads(vidra("library", "ls", "--genre", "action", "--json").out)["total"] == 1


def test_search_finds_words_in_any_case_and_the_best_first(vidra: Vidra) -> None:
    """The show before its episodes."""
    assert "home/1/movie/1" in vidra("library", "search", "MATRIX").lines[1]
    assert vidra("library", "search", "show").lines[1].split()[1] == "show"
    assert len(vidra("library", "search", "nothing like this").lines) == 1


def test_an_item_is_found_by_an_external_id_and_shown(vidra: Vidra) -> None:
    """`tmdb://603` names it as well as its own name."""
    assert "The Matrix" in vidra("library", "find", "--guid", "tmdb://603").out
    page = json.loads(vidra("library", "show", "tmdb://603", "--json").out)
    assert page["item"] == "home/1/movie/1"
    assert page["credits"] == [{"name": "Keanu", "job": "actor", "role": "Neo"}]
    assert vidra("library", "find", "--guid", "tmdb://1").code == 2


def test_a_name_that_fits_several_items_is_answered_with_them(vidra: Vidra) -> None:
    """Nothing is guessed."""
    said = vidra("library", "show", "1/movie/99")
    assert said.code == 2
    assert "vidra library search" in said.err


def test_what_was_done_shows_at_once_and_waits_for_the_server(vidra: Vidra) -> None:
    """Marks, positions and ratings; three changes of one item are one."""
    assert vidra("library", "progress", "home/1/movie/1", "12:30").code == 0
    assert vidra("library", "progress", "home/1/movie/1", "1:00:00").code == 0
    assert vidra("library", "rate", "home/1/movie/1", "8").code == 0
    assert "1:00:00" in vidra("library", "show", "home/1/movie/1").out
    assert "The Matrix" in vidra("library", "continue").lines[1]
    queue = json.loads(vidra("library", "queue", "--json").out)
    assert [(one["position_ms"], one["rating"], one["duration_ms"]) for one in queue] == [
        (3_600_000, 8.0, 6_000_000)
    ]


def test_unwatched_takes_a_mark_back(vidra: Vidra) -> None:
    """The queue holds what is wanted in the end."""
    vidra("library", "watched", "home/1/movie/1")
    vidra("library", "unwatched", "home/1/movie/1", "home/1/movie/2")
    queue = json.loads(vidra("library", "queue", "--json").out)
    assert [one["watched"] for one in queue] == [False, False]
    assert json.loads(vidra("library", "show", "home/1/movie/2", "--json").out)["watch"]["watched"] is False


def test_a_queued_change_can_be_dropped(vidra: Vidra) -> None:
    """By the name the list gives it."""
    vidra("library", "watched", "home/1/movie/1")
    assert vidra("library", "queue", "--drop", "home|1/movie/1").code == 0
    assert json.loads(vidra("library", "queue", "--json").out) == []
    assert vidra("library", "queue", "--drop", "home|1/movie/1").code == 2


def test_old_data_says_how_old_it_is(vidra: Vidra) -> None:
    """The server is away; the list comes all the same, with its age."""
    said = vidra("library", "recent")
    assert "Alien" in said.out
    page = json.loads(vidra("library", "recent", "--json").out)
    assert page["sources"][0]["synced_at"] == "2026-11-20T21:00:00.000000Z"
    assert page["sources"][0]["state"] == "complete"


def test_statistics_count_by_kind(vidra: Vidra) -> None:
    """And what was watched of it."""
    page = json.loads(vidra("library", "stats", "--json").out)[0]
    assert (page["items"]["movie"], page["watched"]["movie"]) == (3, 1)


def test_a_kind_that_is_none_is_answered_with_those_there_are(vidra: Vidra) -> None:
    """An empty list would say that there is nothing of it."""
    for command in (("ls",), ("search", "matrix"), ("recent",)):
        said = vidra("library", *command, "--kind", "movies")
        assert (said.code, "did you mean `movie`?" in said.err) == (2, True), said
    assert "nothing found" in vidra("library", "search", "matrx").err


def test_a_show_is_watched_with_its_episodes(vidra: Vidra) -> None:
    """Shown so at once; the server is told of the show only."""
    vidra("library", "watched", "home/2/show/1000")
    page = json.loads(vidra("library", "ls", "--kind", "episode", "--watched", "--json").out)
    assert page["total"] == 6
    assert len(json.loads(vidra("library", "queue", "--json").out)) == 1
    vidra("library", "unwatched", "home/2/season/1100")
    page = json.loads(vidra("library", "ls", "--kind", "episode", "--watched", "--json").out)
    assert page["total"] == 3


def test_what_cannot_be_watched_is_refused(vidra: Vidra) -> None:
    """A collection, a position beyond the end, a source that is none."""
    assert "mark the items in it" in vidra("library", "watched", "home/playlists/playlist/77").err
    said = vidra("library", "progress", "home/1/movie/1", "2:00:00")
    assert (said.code, "1:40:00" in said.err) == (2, True)
    said = vidra("library", "sync", "nosuch")
    assert "no source `nosuch`" in said.err
    assert "private Prefect server" not in said.err


def test_a_wrong_position_says_what_is_expected(vidra: Vidra) -> None:
    """Before anything is stored."""
    said = vidra("library", "progress", "home/1/movie/1", "half")
    assert said.code == 2
    assert "1:02:03" in said.err

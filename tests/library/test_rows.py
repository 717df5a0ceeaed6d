"""Rows of the home screen over several sources: merged, in order, no work twice."""

from __future__ import annotations

from typing import Any

from vidra.library.catalogue import Catalogue
from vidra.library.rows import SourceRows, continue_watching, on_deck, recently_added


def film(number: int, **fields: Any) -> dict[str, Any]:
    """Return a film."""
    key = f"1/movie/{number}"
    plain = {"key": key, "section": "1", "kind": "movie", "id": str(number), "title": f"Film {number}"}
    return plain | fields


def episode(number: int, show: str = "9", **fields: Any) -> dict[str, Any]:
    """Return an episode of the first season."""
    plain = {"section": "2", "kind": "episode", "id": f"{show}-{number}", "title": f"Part {number}"}
    place = {"show": show, "show_title": "Show", "season": 1, "episode": number}
    return plain | place | {"key": f"2/episode/{show}-{number}"} | fields


def source(name: str, *records: dict[str, Any], **rows: list[str]) -> SourceRows:
    """Return a source with these items, and its server's rows by kind."""
    catalogue = Catalogue()
    for record in records:
        catalogue.change(None, record)
    made = [{"kind": kind, "items": keys} for kind, keys in rows.items()]
    return SourceRows(source=name, catalogue=catalogue, rows=made)


def names(shown: Any) -> list[str]:
    """Return the items as `source/key`."""
    return [f"{one.source}/{one.record['key']}" for one in shown]


def test_a_film_begun_on_two_servers_is_continued_once_at_the_later_one() -> None:
    """Last watched first; what is finished or never begun is left out."""
    ids = {"guids": ["tmdb://603"]}
    home = source(
        "home",
        film(1, position_ms=100, viewed=10, **ids),
        film(2, position_ms=100, viewed=20),
        film(3, watched=True, viewed=40),
    )
    cabin = source("cabin", film(7, position_ms=900, viewed=30, **ids))
    assert names(continue_watching([home, cabin])) == ["cabin/1/movie/7", "home/1/movie/2"]


def test_what_was_watched_here_moves_the_deck_on() -> None:
    """The server still names the episode that was seen while it was away: the next one is due."""
    home = source(
        "home",
        episode(1, watched=True), episode(2, watched=True), episode(3), episode(1, show="8", watched=True),
        on_deck=["2/episode/9-1", "2/episode/8-1"],
    )  # fmt: skip
    assert names(on_deck([home])) == ["home/2/episode/9-3"]


def test_an_episode_that_is_next_on_two_servers_is_on_deck_once() -> None:
    """Known by show, season and number where the external ids differ."""
    home = source("home", episode(2), on_deck=["2/episode/9-2"])
    cabin = source("cabin", episode(2, show="5"), on_deck=["2/episode/5-2"])
    assert names(on_deck([home, cabin])) == ["home/2/episode/9-2"]


def test_what_is_new_is_shown_newest_first_and_once() -> None:
    """Of every source; a kind may be asked for."""
    home = source("home", film(1, added=10, guids=["tmdb://1"]), episode(1, added=30))
    cabin = source("cabin", film(5, added=20, guids=["tmdb://1"]))
    assert names(recently_added([home, cabin])) == ["home/2/episode/9-1", "cabin/1/movie/5"]
    films = recently_added([home, cabin], kinds=frozenset({"movie"}))
    assert names(films) == ["cabin/1/movie/5"]

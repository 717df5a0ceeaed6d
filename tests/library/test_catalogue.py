"""Finding items in memory."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from vidra.library.catalogue import Catalogue
from vidra.library.identity import folded

TITLES = st.text(alphabet="abÀé ß\n1", min_size=1, max_size=6)


def record(number: int, title: str, kind: str = "movie", **fields: Any) -> dict[str, Any]:
    """Return a stored item."""
    return {"key": f"1/{kind}/{number}", "id": str(number), "kind": kind, "title": title, **fields}


@given(st.lists(TITLES, max_size=12), st.text(alphabet="abÀe s1", min_size=1, max_size=3))
def test_search_finds_what_looking_at_each_title_finds(titles: list[str], text: str) -> None:
    """However it is done: every word in the folded title, whatever the order and the accents."""
    catalogue = Catalogue()
    for number, title in enumerate(titles):
        catalogue.change(None, record(number, title))
    words = folded(text).split()
    wanted = {
        f"1/movie/{number}"
        for number, title in enumerate(titles)
        if words and all(word in folded(title) for word in words)
    }
    assert {found["key"] for found in catalogue.search(text)} == wanted


@given(st.lists(st.tuples(st.integers(0, 5), st.one_of(st.none(), TITLES)), max_size=20))
def test_a_catalogue_that_was_changed_is_as_one_made_anew(changes: list[tuple[int, str | None]]) -> None:
    """Texts, external ids and shows follow every change, asked before or not."""
    changed, stored = Catalogue(), dict[int, dict[str, Any]]()
    for number, title in changes:
        new = None if title is None else record(number, title, guids=[f"tmdb://{title}"], show="9")
        changed.search("a")
        changed.by_guid("x")
        changed.below("9")
        changed.change(stored.get(number), new)
        stored.pop(number, None)
        if new is not None:
            stored[number] = new
    fresh = Catalogue()
    for one in stored.values():
        fresh.change(None, one)
    for title in {"a", "b", *(title for _, title in changes if title)}:
        assert _keys(changed.search(title)) == _keys(fresh.search(title))
        assert _keys(changed.by_guid(f"tmdb://{title}")) == _keys(fresh.by_guid(f"tmdb://{title}"))
    assert _keys(changed.below("9")) == _keys(fresh.below("9"))


def test_the_best_match_comes_first() -> None:
    """The title itself, then what begins so, then words within, films and shows before episodes."""
    catalogue = Catalogue()
    titles = ["The Office Party", "Big Office", "Office", "Office Space", "Boxofficer"]
    for number, title in enumerate(titles):
        catalogue.change(None, record(number, title))
    catalogue.change(None, record(9, "Pilot", "episode", show_title="Office"))
    found = [one["title"] for one in catalogue.search("office")]
    assert found == ["Office", "Office Space", "Big Office", "The Office Party", "Boxofficer", "Pilot"]
    assert [one["title"] for one in catalogue.search("office", limit=2)] == ["Office", "Office Space"]


def test_tombstones_are_not_found() -> None:
    """What a server does not list any more is not shown, and found again when it is back."""
    catalogue, film = Catalogue(), record(1, "Alien")
    catalogue.change(None, film)
    catalogue.change(film, {**film, "missed": 1})
    assert (len(catalogue), catalogue.search("alien")) == (0, [])
    catalogue.change({**film, "missed": 1}, film)
    assert _keys(catalogue.search("alien")) == {"1/movie/1"}


def _keys(found: Any) -> set[str]:
    return {one["key"] for one in found}

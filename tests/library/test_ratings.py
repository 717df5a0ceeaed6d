"""Ratings of others in one form, and ratings of ours where servers keep none."""

from __future__ import annotations

from typing import Any

import pytest

from tests.library.syncing import Desk
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import plex_with_library
from vidra.library.pages import full
from vidra.library.ratings import normalised
from vidra.library.records import merged
from vidra.library.rows import Shown
from vidra.state.keyed import MemoryKeyedStore

TOMATO = "rottentomatoes://image.rating."


@pytest.mark.parametrize(
    ("scores", "imdb", "tomatoes"),
    [
        ([], None, None),
        ([{"image": "imdb://image.rating", "value": 8.7, "votes": 9}], {"rating": 8.7, "votes": 9}, None),
        (
            [
                {"image": f"{TOMATO}ripe", "kind": "critic", "value": 8.35},
                {"image": f"{TOMATO}upright", "kind": "audience", "value": 9.0},
            ],
            None,
            {"critic": 84, "audience": 90},
        ),
        (
            [
                {"image": f"{TOMATO}ripe", "kind": "critic", "value": 8.0},
                {"kind": "audience", "value": 7.5},
            ],
            None,
            {"critic": 80, "audience": 75},
        ),
        ([{"kind": "audience", "value": 7.5}], None, None),
        ([{"image": "imdb://image.rating", "value": 87}], None, None),
        ([{"image": "themoviedb://image.rating", "value": 7.0}], None, None),
    ],
)
def test_scores_of_servers_have_one_form(
    scores: list[dict[str, Any]], imdb: object, tomatoes: object
) -> None:
    """IMDb from 0 to 10 with votes, Rotten Tomatoes in per cent; an audience of nobody fills a gap."""
    assert normalised(scores) == {"imdb": imdb, "rotten_tomatoes": tomatoes}


def test_the_scores_of_a_plex_listing_reach_the_page() -> None:
    """As its single fields give them, which is how listings have them."""
    desk: Desk[FakePlex] = Desk(MemoryKeyedStore(), plex_with_library())
    desk.fake.items["1"] |= {
        "rating": 8.8, "ratingImage": f"{TOMATO}ripe",
        "audienceRating": 8.5, "audienceRatingImage": f"{TOMATO}upright",
    }  # fmt: skip
    desk.sync()
    page = full(Shown(source="home", record=desk.items()["The Matrix"]))
    assert page["ratings"]["rotten_tomatoes"] == {"critic": 88, "audience": 85}


def test_a_rating_of_ours_stands_until_the_server_shows_one() -> None:
    """Not every server keeps ratings; one that does is followed from then on, also when it is taken back."""
    bare: Any = {"key": "1/movie/1", "title": "x", "version": 1, "section": "1", "kind": "movie", "id": "1"}
    ours = bare | {"user_rating": 8.0, "rated_here": True}
    kept = merged(ours, bare, keep_watch=False)
    assert kept.get("user_rating") == 8.0
    shown = merged(ours, bare | {"user_rating": 8.0}, keep_watch=False)
    assert "rated_here" not in shown
    assert "user_rating" not in merged(shown, bare, keep_watch=False)
    assert merged(ours, bare | {"user_rating": 3.0}, keep_watch=True).get("user_rating") == 8.0, "on its way"

"""The library over HTTP: pages, filters, age, ETag, and what is done to items."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.api.serving import Shim, settings_in, shim
from tests.library.syncing import Desk
from tests.servers.sources import plex_with_library
from vidra.engine.library.shelves import open_shelf

LIBRARY = "/api/v1/library"


@pytest.fixture
def served(tmp_path: Path) -> Iterator[Shim]:
    """Serve the library of a server that is not there."""
    settings = settings_in(tmp_path)
    with open_shelf(settings.storage, "home") as store:
        Desk(store, plex_with_library()).sync()
    with shim(tmp_path, settings=settings) as running:
        yield running


def test_items_come_in_pages_with_their_age(served: Shim) -> None:
    """Films and shows; the total; when the source was synced."""
    with served.client() as client:
        page = client.get(f"{LIBRARY}/items", params={"limit": 2}).json()
        rest = client.get(f"{LIBRARY}/items", params={"limit": 2, "offset": 2}).json()
    titles = [item["title"] for item in (*page["items"], *rest["items"])]
    assert (titles, page["total"]) == (["Alien", "Brazil", "Show", "The Matrix"], 4)
    assert page["sources"][0]["synced_at"] == "2026-11-20T21:00:00.000000Z"
    assert page["sources"][0]["state"] == "complete"


def test_items_are_filtered(served: Shim) -> None:
    """By section, kind, genre, watched, and what they belong to."""
    with served.client() as client:

        def total(**asked: str) -> int:
            """Return how many items fit."""
            return int(client.get(f"{LIBRARY}/items", params=asked).json()["total"])

        assert total(source="home", section="Films") == 3
        assert total(kind="episode") == 6
        assert total(genre="action") == 1
        assert total(watched="true") == 1
        assert total(below="home/2/show/1000", kind="season") == 2


def test_an_item_is_shown_by_name_and_by_external_id(served: Shim) -> None:
    """With cast, files and ratings; an unknown one is a 404."""
    with served.client() as client:
        page = client.get(f"{LIBRARY}/items/home/1/movie/1").json()
        assert client.get(f"{LIBRARY}/items/tmdb://603").json() == page
        missing = client.get(f"{LIBRARY}/items/home/1/movie/77")
    assert page["files"][0]["container"] == "mkv"
    assert page["ratings"] == {"imdb": None, "rotten_tomatoes": None}
    assert (missing.status_code, missing.json()["code"]) == (404, "item_not_found")


def test_search_and_rows_answer(served: Shim) -> None:
    """Best first; begun; new; by external id."""
    with served.client() as client:
        found = client.get(f"{LIBRARY}/search", params={"q": "matrix"}).json()["items"]
        begun = client.get(f"{LIBRARY}/continue").json()["items"]
        new = client.get(f"{LIBRARY}/recent").json()["items"]
        same = client.get(f"{LIBRARY}/find", params={"guid": "tmdb://603"}).json()["items"]
    assert [item["item"] for item in found] == ["home/1/movie/1"] == [item["item"] for item in same]
    assert [item["title"] for item in begun] == ["Brazil"]
    assert new[0]["added_at"] >= new[-1]["added_at"]


def test_an_unchanged_answer_is_not_sent_again(served: Shim) -> None:
    """`ETag` and `If-None-Match`; a change of anything makes a new one."""
    with served.client() as client:
        tag = client.get(f"{LIBRARY}/items").headers["etag"]
        again = client.get(f"{LIBRARY}/items", headers={"If-None-Match": tag})
        assert (again.status_code, again.content) == (304, b"")
        client.post(f"{LIBRARY}/watch", json={"item": "home/1/movie/1", "watched": True})
        assert client.get(f"{LIBRARY}/items", headers={"If-None-Match": tag}).status_code == 200


def test_what_was_watched_is_noted_and_the_engine_asked_to_send_it(served: Shim) -> None:
    """Shown at once; in the queue until the server has it."""
    with served.client() as client:
        answer = client.post(f"{LIBRARY}/watch", json={"item": "home/1/movie/1", "position_ms": 1_200_000})
        page = client.get(f"{LIBRARY}/items/home/1/movie/1").json()
        changes = client.get(f"{LIBRARY}/changes").json()["changes"]
    assert answer.status_code == 202
    assert page["watch"]["position_ms"] == 1_200_000
    assert [change["item"] for change in changes] == ["1/movie/1"]


@pytest.mark.parametrize("body", [{"item": "x"}, {"item": "x", "rating": 11}, {"item": "", "watched": True}])
def test_a_senseless_watch_report_is_refused(served: Shim, body: dict[str, object]) -> None:
    """Before anything is stored."""
    with served.client() as client:
        assert client.post(f"{LIBRARY}/watch", json=body).status_code == 422


def test_the_library_needs_the_token(served: Shim) -> None:
    """Like everything else."""
    with served.stranger() as stranger:
        assert stranger.get(LIBRARY).status_code == 401

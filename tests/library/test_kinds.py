"""Every kind of library is synced: music, photos and home videos, mixed ones, collections, playlists."""

from __future__ import annotations

import pytest

from tests.library.syncing import Desk
from tests.servers.fake_jellyfin import FakeJellyfin, key
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import plex_with_library
from vidra.library.catalogue import Catalogue
from vidra.library.records import ITEMS, ROWS
from vidra.library.status import SyncState
from vidra.state.keyed import MemoryKeyedStore


@pytest.fixture
def plex() -> Desk[FakePlex]:
    """Return a desk with films, a show, a collection of films and a playlist."""
    fake = plex_with_library()
    fake.add("1", "collection", 60, "Trilogy", childCount=1)
    fake.add_playlist(77, "Evening", 3, 1)
    return Desk(MemoryKeyedStore(), fake)


def test_music_is_known_from_artist_to_track() -> None:
    """And a track is found by its artist, and listed in its place on the album."""
    fake = FakePlex()
    fake.add_section("3", "Music", "artist")
    fake.add("3", "artist", 300, "Band")
    fake.add("3", "album", 301, "First", parentRatingKey="300", parentTitle="Band")
    for place, title in ((2, "Aria"), (1, "Zoo")):
        fake.add(
            "3", "track", 310 + place, title, parentRatingKey="301", grandparentRatingKey="300",
            grandparentTitle="Band", parentIndex=1, index=place,
        )  # fmt: skip
    desk = Desk(MemoryKeyedStore(), fake)
    assert desk.sync().state is SyncState.COMPLETE
    catalogue = Catalogue()
    desk.store.follow(ITEMS, catalogue)
    assert [r["title"] for r in catalogue.below("301")] == ["Zoo", "Aria"]
    assert [r["title"] for r in catalogue.below("300")] == ["First"]
    assert {r["title"] for r in catalogue.search("band")} == {"Band", "First", "Aria", "Zoo"}


@pytest.mark.parametrize("server", ["plex", "jellyfin"])
def test_photos_and_home_videos_are_known(server: str) -> None:
    """A folder of both, on either server."""
    desk: Desk[FakePlex] | Desk[FakeJellyfin]
    if server == "plex":
        plex = FakePlex()
        plex.add_section("4", "Home", "photo")
        plex.add("4", "photo", 400, "Beach")
        plex.add("4", "clip", 401, "First steps")
        desk = Desk(MemoryKeyedStore(), plex)
    else:
        jellyfin = FakeJellyfin()
        view = jellyfin.add_view("Home", "homevideos")
        jellyfin.add(view, "Photo", "Beach")
        jellyfin.add(view, "Video", "First steps")
        desk = Desk(MemoryKeyedStore(), jellyfin)
    assert desk.sync().state is SyncState.COMPLETE
    assert {r["title"]: r["kind"] for r in desk.items().values()} == {
        "Beach": "photo",
        "First steps": "video",
    }


def test_a_mixed_library_has_films_and_shows() -> None:
    """Jellyfin's libraries without a kind; its playlists and collections are libraries of their own."""
    fake = FakeJellyfin()
    view, lists = fake.add_view("Everything", None), fake.add_view("Lists", "playlists")
    boxes = fake.add_view("Boxes", "boxsets")
    fake.add(view, "Movie", "Film")
    show = fake.add(view, "Series", "Show")
    fake.add(view, "Episode", "One", SeriesId=show, SeriesName="Show", IndexNumber=1, ParentIndexNumber=1)
    fake.add(lists, "Playlist", "Evening")
    fake.add(boxes, "BoxSet", "Trilogy")
    desk = Desk(MemoryKeyedStore(), fake)
    assert desk.sync().state is SyncState.COMPLETE
    kinds = {r["title"]: r["kind"] for r in desk.items().values()}
    assert kinds == {
        "Film": "movie", "Show": "show", "One": "episode", "Evening": "playlist", "Trilogy": "collection"
    }  # fmt: skip
    assert desk.items()["Film"]["section"] == key("Everything")


def test_collections_and_playlists_are_listed_and_have_their_row(plex: Desk[FakePlex]) -> None:
    """The row of playlists names items that can be looked at."""
    plex.sync()
    assert plex.items()["Trilogy"]["key"] == "1/collection/60"
    assert plex.items()["Evening"]["key"] == "playlists/playlist/77"
    (row,) = [row for row in plex.store.all(ROWS) if row["kind"] == "playlists"]
    assert row["items"] == ["playlists/playlist/77"]


def test_playlists_are_fresh_after_every_sync(plex: Desk[FakePlex]) -> None:
    """One request lists them all, for they cannot be asked for changes; a vanished one is a tombstone."""
    plex.fake.add_playlist(78, "Morning", 2)
    plex.sync()
    plex.fake.add_playlist(79, "Noon", 2)
    del plex.fake.items["77"]
    status = plex.sync()
    assert status.difference == {"added": 1, "buried": 1}
    assert sum(r.url.path == "/playlists" for r, *_ in plex.fake.exchanges) == 1
    assert set(plex.items("playlist")) == {"Morning", "Noon"}


def test_a_server_that_lists_no_libraries_loses_no_playlists(plex: Desk[FakePlex]) -> None:
    """The accident that hides the libraries hides what is listed beside them, too."""
    plex.sync()
    plex.fake.sections = {}
    status = [plex.sync() for _ in range(4)][-1]
    assert "no sections" in status.warnings[0]
    assert {"Evening", "The Matrix"} <= set(plex.items())

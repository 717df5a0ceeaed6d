"""The Jellyfin client over its fake, of old and new versions."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.servers.fake_jellyfin import FakeJellyfin, key
from tests.servers.sources import IDENTITY, jellyfin_with_library, listed, on_jellyfin
from vidra.errors import Missing
from vidra.servers.interface import (
    AuthStatus,
    Conversion,
    Item,
    ItemKind,
    PlaybackState,
    Progress,
    RowKind,
    Section,
    SectionKind,
    Span,
)
from vidra.servers.jellyfin import JellyfinServer

FILMS = Section(id=key("Films"), title="Films", kind=SectionKind.MOVIES)
SERIES = Section(id=key("Series"), title="Series", kind=SectionKind.SHOWS)
MATRIX, ALIEN, SHOW = key("MovieThe Matrix"), key("MovieAlien"), key("SeriesShow")
REPORT = Progress(
    item_id=MATRIX, position_ms=1_500_001, duration_ms=6_000_000, state=PlaybackState.PLAYING, session="s-1"
)
VERSIONS = ["10.8.13", "10.11.11", "12.0.0"]


@pytest.fixture(params=VERSIONS)
def fake(request: pytest.FixtureRequest) -> FakeJellyfin:
    """Return a server with a small library, of an old, a current and a coming version."""
    return jellyfin_with_library(request.param)


def test_sections_have_their_kind(fake: FakeJellyfin) -> None:
    """By the path that this version knows."""
    assert on_jellyfin(fake, lambda jf: jf.sections()) == [FILMS, SERIES]


def test_a_film_is_read_whole(fake: FakeJellyfin) -> None:
    """D1-17: metadata of one item is that of the item, ticks are milliseconds, seven decimals are read."""
    film = on_jellyfin(fake, lambda jf: jf.item(MATRIX))

    assert (film.title, film.year, film.duration_ms, film.guids) == (
        "The Matrix",
        1999,
        6_000_000,
        ("tmdb://603",),
    )
    assert film.added_at == datetime(2024, 1, 2, 3, 4, 5, 123456, tzinfo=UTC)
    assert (film.files[0].path, film.files[0].height, film.files[0].bitrate_kbps) == (
        "/media/The Matrix.mkv",
        1080,
        4000,
    )
    assert film.thumb == f"/Items/{MATRIX}/Images/Primary?tag=tag1"


def test_a_listing_keeps_positions_to_the_millisecond(fake: FakeJellyfin) -> None:
    """D1-17: the predecessor cut them to seconds."""
    items = on_jellyfin(fake, lambda jf: listed(jf, FILMS, ItemKind.MOVIE))

    assert [(i.title, i.watch.position_ms) for i in items] == [("The Matrix", 0), ("Alien", 61_500)]
    assert items[0].files[0].path == "/media/The Matrix.mkv"


@pytest.mark.parametrize(("page_size", "largest"), [(100, 1000), (500, 50), (617, 1000)])
def test_paging_reads_everything_once(page_size: int, largest: int) -> None:
    """D1 library paging: whatever the server makes of our page size."""
    fake = FakeJellyfin(largest_page=largest)
    view = fake.add_view("Films", "movies")
    for number in range(1234):
        fake.add(view, "Movie", f"Film {number}")
    items = on_jellyfin(fake, lambda jf: listed(jf, FILMS, ItemKind.MOVIE, page_size=page_size))

    assert [item.title for item in items] == [f"Film {n}" for n in range(1234)]
    assert on_jellyfin(fake, lambda jf: jf.count(FILMS, ItemKind.MOVIE)) == 1234


def test_shows_seasons_and_episodes_belong_together(fake: FakeJellyfin) -> None:
    """All episodes in one request."""
    (season,) = on_jellyfin(fake, lambda jf: jf.seasons(SHOW))
    before = len(fake.exchanges)
    episodes = on_jellyfin(fake, lambda jf: jf.episodes(SHOW))

    assert (season.show_id, season.season_number) == (SHOW, 1)
    assert [(e.season_number, e.episode_number, e.released) for e in episodes] == [
        (1, n, "2020-01-01") for n in (1, 2, 3)
    ]
    assert {(e.show_id, e.parent_id) for e in episodes} == {(SHOW, season.id)}
    assert len(fake.exchanges) == before + 2


def test_changes_are_metadata_or_watch_states(fake: FakeJellyfin) -> None:
    """The two filters are ANDed by the server, so both are asked."""
    fake.items[MATRIX]["_saved"] = "2026-11-20"
    on_jellyfin(fake, lambda jf: jf.mark_watched(ALIEN))
    since = datetime(2026, 11, 1, tzinfo=UTC)
    changed = on_jellyfin(fake, lambda jf: listed(jf, FILMS, ItemKind.MOVIE, since=since))

    assert [item.title for item in changed] == ["The Matrix", "Alien"]


def test_rows_without_items_are_left_out(fake: FakeJellyfin) -> None:
    """Resume and latest have something, next up has not; latest is a bare list."""
    rows = on_jellyfin(fake, lambda jf: jf.rows())

    assert [row.kind for row in rows] == [RowKind.CONTINUE_WATCHING, RowKind.RECENTLY_ADDED]
    assert [i.title for i in rows[0].items] == ["Alien"]


def test_unknown_segments_do_not_break_markers(fake: FakeJellyfin) -> None:
    """D1-17: and servers before 10.10 have none, which is no error."""
    markers = on_jellyfin(fake, lambda jf: jf.markers(MATRIX))
    known = not fake.version.startswith("10.8")

    assert markers.intro == (Span(start_ms=10_000, end_ms=70_000) if known else None)
    assert markers.credits == (Span(start_ms=5_000_000, end_ms=6_000_000) if known else None)


@pytest.mark.parametrize(
    ("state", "path", "paused"),
    [
        (PlaybackState.PLAYING, "/Progress", False),
        (PlaybackState.PAUSED, "/Progress", True),
        (PlaybackState.STOPPED, "/Stopped", None),
    ],
)
def test_reports_are_in_ticks_and_keep_their_session(
    state: PlaybackState, path: str, paused: bool | None
) -> None:
    """D1-17: the position exact, the play session reused; only a stop is a stop."""
    fake = jellyfin_with_library()
    on_jellyfin(fake, lambda jf: jf.report(replace(REPORT, state=state)))
    ((what, body),) = fake.sessions

    assert (what, body["positionticks"], body["playsessionid"]) == (path, 15_000_010_000, "s-1")
    assert body.get("ispaused") is paused


def test_asking_for_a_stream_starts_nothing(fake: FakeJellyfin) -> None:
    """D1-17: "playback started" is sent by whoever plays; the token is in a header."""
    stream = on_jellyfin(fake, lambda jf: jf.stream(MATRIX))

    assert fake.sessions == []
    assert stream.url.startswith(f"http://server.test/Videos/{MATRIX}/stream?static=true")
    assert "token-of-user" not in repr(stream)


def test_a_late_report_is_no_session(fake: FakeJellyfin) -> None:
    """What was watched offline an hour ago must not appear as playing now."""
    late = replace(REPORT, at=datetime(2026, 11, 20, 19, tzinfo=UTC))
    on_jellyfin(fake, lambda jf: jf.report(late))
    state = on_jellyfin(fake, lambda jf: jf.watch_state(MATRIX))

    assert fake.sessions == []
    assert (state.position_ms, state.last_viewed_at) == (1_500_001, late.at)


def test_watched_and_unwatched_by_the_path_of_the_version(fake: FakeJellyfin) -> None:
    """POST and DELETE."""

    async def work(server: JellyfinServer) -> tuple[Item, Item]:
        await server.mark_watched(MATRIX)
        seen = await server.item(MATRIX)
        await server.mark_unwatched(MATRIX)
        return seen, await server.item(MATRIX)

    seen, unseen = on_jellyfin(fake, work)

    assert (seen.watch.watched, unseen.watch.watched) == (True, False)


def test_ratings_are_the_users_and_not_pretended(fake: FakeJellyfin) -> None:
    """Kept with the user's data and read from there; versions that take none say so."""

    async def work(jf: JellyfinServer) -> float | None:
        await jf.rate(MATRIX, 8)
        return (await jf.item(MATRIX)).user_rating

    if fake.version.startswith("10.8"):
        with pytest.raises(Missing, match="takes no user ratings"):
            on_jellyfin(fake, work)
        return
    assert on_jellyfin(fake, work) == 8
    assert fake.items[MATRIX]["UserData"]["PlaybackPositionTicks"] == 0, "nothing else is touched"


def test_collections_and_playlists_name_their_members(fake: FakeJellyfin) -> None:
    """Each by its own request."""
    boxes = fake.add_view("Collections", "boxsets")
    trilogy = fake.add(boxes, "BoxSet", "Trilogy")
    fake.items[MATRIX]["ParentId"] = trilogy
    evening = fake.add(boxes, "Playlist", "Evening", _members=[ALIEN, MATRIX])

    async def work(jf: JellyfinServer) -> list[list[str]]:
        found = [
            await jf.members(trilogy, ItemKind.COLLECTION), await jf.members(evening, ItemKind.PLAYLIST)
        ]  # fmt: skip
        assert await jf.members(MATRIX, ItemKind.MOVIE) == ()
        return [[item.title for item in items] for items in found]

    assert on_jellyfin(fake, work) == [["The Matrix"], ["Alien", "The Matrix"]]


def test_a_conversion_is_asked_for_without_a_token_in_the_address(fake: FakeJellyfin) -> None:
    """Asking for the address starts nothing; bit rate and height are the player's."""
    wanted = Conversion(session="s-1", bitrate_kbps=4000, height=720)
    stream = on_jellyfin(fake, lambda jf: jf.converted(MATRIX, wanted))
    assert f"/Videos/{MATRIX}/main.m3u8?" in stream.url
    assert {"videoBitRate=4000000", "maxHeight=720", "playSessionId=s-1"} <= set(stream.url.split("&"))
    assert "token" not in stream.url.lower()
    assert all("m3u8" not in request.url.path for request, *_ in fake.exchanges)


def test_music_belongs_together() -> None:
    """Tracks to their album, albums to their artist, in the order of disc and place."""
    fake = FakeJellyfin()
    view = fake.add_view("Music", "music")
    artist = fake.add(view, "MusicArtist", "Band")
    people = {"AlbumArtist": "Band", "AlbumArtists": [{"Id": artist, "Name": "Band"}]}
    album = fake.add(view, "MusicAlbum", "First", **people)
    fake.add(view, "Audio", "Song", AlbumId=album, IndexNumber=3, ParentIndexNumber=1, AlbumArtist="Band")

    async def work(jf: JellyfinServer) -> list[Item]:
        (section,) = await jf.sections()
        kinds = (ItemKind.ALBUM, ItemKind.TRACK)
        return [item for kind in kinds for item in await listed(jf, section, kind)]

    first, song = on_jellyfin(fake, work)
    assert (first.parent_id, first.show_title) == (artist, "Band")
    assert (song.parent_id, song.season_number, song.episode_number) == (album, 1, 3)


@pytest.mark.parametrize("administrator", [True, False])
def test_a_finished_download_is_announced(administrator: bool) -> None:
    """The server finds the library itself; only administrators learn which one it was."""
    fake = jellyfin_with_library()
    fake.administrator = administrator
    path = "/series/Show/Season 02"

    assert on_jellyfin(fake, lambda jf: jf.refresh(path)) == ((SERIES.id,) if administrator else None)
    assert fake.refreshed == [[{"Path": path, "UpdateType": "Created"}]]


def test_a_refresh_is_verified_by_the_file(fake: FakeJellyfin) -> None:
    """Exactly this path."""
    assert on_jellyfin(fake, lambda jf: jf.holds("/media/Alien.mkv")) is True
    assert on_jellyfin(fake, lambda jf: jf.holds("/media/Aliens.mkv")) is False


def test_the_credentials_have_three_states(fake: FakeJellyfin) -> None:
    """D1 auth states."""
    good = on_jellyfin(fake, lambda jf: jf.initialise())
    bad = on_jellyfin(fake, lambda jf: jf.initialise(), token="stale-token")
    fake.machine_id = key("another")
    unknown = on_jellyfin(fake, lambda jf: jf.initialise())

    assert [s.status for s in (good, bad, unknown)] == [
        AuthStatus.AUTHENTICATED, AuthStatus.AUTH_REQUIRED, AuthStatus.UNKNOWN,
    ]  # fmt: skip


def test_only_the_header_of_jellyfin_12_is_sent(fake: FakeJellyfin) -> None:
    """D1-17: `X-Emby-*` and `api_key` are gone there; the device is the installation, always the same."""
    for _ in range(2):
        on_jellyfin(fake, lambda jf: jf.rows())

    for asked, *_ in fake.exchanges:
        assert not [name for name in asked.headers if name.startswith(("x-emby", "x-mediabrowser"))]
        assert "token" not in str(asked.url)
    assert set(fake.devices) == {IDENTITY.identifier}

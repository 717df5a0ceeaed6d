"""The Plex client over its fake: every operation, paging, changes, and what must not leak."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from tests.servers.fake_plex import FakePlex
from tests.servers.sources import NOW, PLEX_TOKEN, listed, on_plex, plex_with_library
from vidra.errors import AuthRequired, Missing, TryLater, WrongServer
from vidra.servers.interface import (
    AuthStatus,
    Conversion,
    Credit,
    Item,
    ItemKind,
    PlaybackState,
    Progress,
    RowKind,
    Section,
    SectionKind,
    Span,
    WatchState,
)
from vidra.servers.plex import PlexServer

FILMS = Section(id="1", title="Films", kind=SectionKind.MOVIES, locations=("/media/1",))
SERIES = Section(id="2", title="Series", kind=SectionKind.SHOWS, locations=("/media/2", "/more/2"))


@pytest.fixture
def fake() -> FakePlex:
    """Return a server with a small library."""
    return plex_with_library()


def test_sections_have_their_kind_and_folders(fake: FakePlex) -> None:
    """The folders are needed to find the library of a finished download."""
    assert on_plex(fake, lambda plex: plex.sections()) == [FILMS, SERIES]


def test_a_film_is_read_whole(fake: FakePlex) -> None:
    """Instants are aware, external ids and people included."""
    film = on_plex(fake, lambda plex: plex.item("1"))

    assert (film.kind, film.title, film.year, film.rating) == (ItemKind.MOVIE, "The Matrix", 1999, 8.7)
    assert (film.genres, film.guids, film.duration_ms) == (("Action",), ("tmdb://603",), 6_000_000)
    assert film.credits == (Credit(name="Keanu", job="actor", role="Neo"),)
    assert film.added_at == datetime.fromtimestamp(1_700_000_001, UTC)
    assert film.files[0].path == "/media/1/The Matrix.mkv"


def test_watch_states_are_told_apart(fake: FakePlex) -> None:
    """Watched, begun and untouched."""
    one, two, three = on_plex(fake, lambda plex: listed(plex, FILMS, ItemKind.MOVIE))

    assert one.watch == WatchState()
    assert two.watch == WatchState(
        watched=True, play_count=2, last_viewed_at=datetime.fromtimestamp(1_750_000_000, UTC)
    )
    assert three.watch == WatchState(position_ms=61_500)


@pytest.mark.parametrize(
    ("page_size", "largest"), [(100, 1000), (500, 50), (7, 1000), (1234, 1234), (617, 1000)]
)
def test_paging_reads_everything_once(page_size: int, largest: int) -> None:
    """D1 library paging: 1,234 items, whatever the server makes of our page size; nothing beyond the end."""
    fake = FakePlex()
    fake.add_section("1", "Films", "movie")
    for number in range(1, 1235):
        fake.add("1", "movie", number, f"Film {number}")
    fake.largest_page = largest
    items = on_plex(fake, lambda plex: listed(plex, FILMS, ItemKind.MOVIE, page_size=page_size))

    assert [item.id for item in items] == [str(n) for n in range(1, 1235)]
    assert len(fake.exchanges) == 1 + -(-1234 // min(page_size, largest))


def test_an_empty_section_is_an_empty_listing() -> None:
    """No page, no error; what that means is the library's business."""
    fake = FakePlex()
    fake.add_section("1", "Films", "movie")

    assert on_plex(fake, lambda plex: listed(plex, FILMS, ItemKind.MOVIE)) == []
    assert on_plex(fake, lambda plex: plex.count(FILMS, ItemKind.MOVIE)) == 0


def test_episodes_carry_their_numbers_and_air_date(fake: FakePlex) -> None:
    """D1-18: the season number is the parent's index, the air date `originallyAvailableAt`."""
    episode = on_plex(fake, lambda plex: plex.episodes("1000"))[4]

    assert (episode.season_number, episode.episode_number, episode.released) == (2, 2, "2020-01-01")
    assert (episode.show_id, episode.show_title, episode.parent_id) == ("1000", "Show", "1200")


def test_all_episodes_of_a_library_take_one_listing(fake: FakePlex) -> None:
    """D1-12: not one call per season."""
    items = on_plex(fake, lambda plex: listed(plex, SERIES, ItemKind.EPISODE))

    assert len(items) == 6
    assert len(fake.exchanges) == 2


def test_seasons_of_a_show_are_read(fake: FakePlex) -> None:
    """In order, with their episode counts."""
    seasons = on_plex(fake, lambda plex: plex.seasons("1000"))

    assert [(s.season_number, s.child_count, s.show_id) for s in seasons] == [(1, 3, "1000"), (2, 3, "1000")]


def test_changes_are_metadata_and_watch_states(fake: FakePlex) -> None:
    """Watching does not touch `updatedAt`, so one filter alone misses half of the changes."""
    fake.items["1"]["updatedAt"] = 1_760_000_000
    since = datetime.fromtimestamp(1_750_000_000, UTC)
    changed = on_plex(fake, lambda plex: listed(plex, FILMS, ItemKind.MOVIE, since=since))

    assert [item.id for item in changed] == ["1", "2"]


def test_a_section_that_cannot_tell_changes_says_so(fake: FakePlex) -> None:
    """An ignored filter would return everything, or worse, nothing."""
    fake.knows_changes = False

    with pytest.raises(Missing, match="cannot be asked for changes"):
        on_plex(fake, lambda plex: listed(plex, FILMS, ItemKind.MOVIE, since=datetime.now(UTC)))


def test_rows_are_told_apart_and_never_empty(fake: FakePlex) -> None:
    """Music and empty hubs are left out; no row comes twice."""
    rows = on_plex(fake, lambda plex: plex.rows())

    assert [row.kind for row in rows] == [RowKind.CONTINUE_WATCHING, RowKind.RECENTLY_ADDED]
    assert [item.title for item in rows[0].items] == ["Brazil"]


def test_search_finds_what_can_be_watched(fake: FakePlex) -> None:
    """Seasons and people are no answers."""
    assert [i.title for i in on_plex(fake, lambda plex: plex.search("matrix"))] == ["The Matrix"]


def test_playlists_are_a_selection_beside_the_libraries(fake: FakePlex) -> None:
    """Listed and counted by their own path; they cannot be asked for changes."""
    fake.add_playlist(77, "Evening", 3, 1)

    async def work(plex: PlexServer) -> tuple[list[Item], int, list[str]]:
        (playlists,) = plex.selections()
        with pytest.raises(Missing, match="changes"):
            await listed(plex, playlists, ItemKind.PLAYLIST, since=NOW)
        found = await listed(plex, playlists, ItemKind.PLAYLIST)
        members = await plex.members("77", ItemKind.PLAYLIST)
        return found, await plex.count(playlists, ItemKind.PLAYLIST), [one.title for one in members]

    (evening,), number, members = on_plex(fake, work)
    assert (evening.title, evening.child_count, evening.thumb) == ("Evening", 2, "/playlists/77/composite/1")
    assert (number, members) == (1, ["Brazil", "The Matrix"])
    assert "playlists" in {row.kind.value for row in on_plex(fake, lambda plex: plex.rows())}


def test_a_collection_names_its_members(fake: FakePlex) -> None:
    """A film has none, and nothing is asked for it."""
    fake.add("1", "collection", 60, "Trilogy")
    fake.members["60"] = ["1"]
    found = on_plex(fake, lambda plex: plex.members("60", ItemKind.COLLECTION))
    assert [one.title for one in found] == ["The Matrix"]
    assert on_plex(fake, lambda plex: plex.members("1", ItemKind.MOVIE)) == ()


def test_a_conversion_is_asked_for_without_a_token_in_the_address(fake: FakePlex) -> None:
    """The height chooses size and bit rate as Plex's own players do; a bit rate of one's own wins."""
    wanted = Conversion(session="s-1", height=800)
    stream = on_plex(fake, lambda plex: plex.converted("1", wanted))
    assert {"videoResolution=1280x720", "maxVideoBitrate=4000"} <= set(stream.url.split("&"))
    assert PLEX_TOKEN not in stream.url
    assert stream.headers["X-Plex-Token"].get_secret_value() == PLEX_TOKEN
    narrow = Conversion(session="s-1", bitrate_kbps=900)
    url = on_plex(fake, lambda plex: plex.converted("1", narrow)).url
    assert ("videoResolution" in url, "maxVideoBitrate=900" in url) == (False, True)


def test_music_belongs_together(fake: FakePlex) -> None:
    """Tracks to their album, albums to their artist, in the order of disc and place."""
    fake.add_section("3", "Music", "artist")
    fake.add("3", "album", 301, "First", parentRatingKey="300", parentTitle="Band", index=1)
    fake.add(
        "3", "track", 302, "Song", parentRatingKey="301", grandparentRatingKey="300",
        grandparentTitle="Band", parentIndex=2, index=5,
    )  # fmt: skip
    music = Section(id="3", title="Music", kind=SectionKind.MUSIC)
    (album,) = on_plex(fake, lambda plex: listed(plex, music, ItemKind.ALBUM))
    (track,) = on_plex(fake, lambda plex: listed(plex, music, ItemKind.TRACK))
    assert (album.parent_id, album.show_title, album.show_id) == ("300", "Band", None)
    assert (track.parent_id, track.show_title) == ("301", "Band")
    assert (track.season_number, track.episode_number) == (2, 5)


def test_markers_of_unknown_types_are_ignored(fake: FakePlex) -> None:
    """D1 markers: `commercial` and whatever comes next must not break the known ones."""
    fake.items["1"]["Marker"] = [
        {"type": "commercial", "startTimeOffset": 1, "endTimeOffset": 2},
        {"type": "intro", "startTimeOffset": 1000, "endTimeOffset": 61_000},
        {"type": "credits", "startTimeOffset": 9, "endTimeOffset": 9},
    ]
    markers = on_plex(fake, lambda plex: plex.markers("1"))

    assert (markers.intro, markers.credits) == (Span(start_ms=1000, end_ms=61_000), None)


def test_a_stream_url_holds_no_token(fake: FakePlex) -> None:
    """The token travels in a header that redaction knows."""
    stream = on_plex(fake, lambda plex: plex.stream("1"))

    assert stream.url == "http://server.test/library/parts/1/1/file.mkv"
    assert "token-of-server" not in repr(stream)
    assert stream.headers["X-Plex-Token"].get_secret_value() == "token-of-server"


def test_progress_reports_real_length_and_session(fake: FakePlex) -> None:
    """D1-14, D2-15: duration and identifier are sent, and the session id is kept."""
    report = Progress(
        item_id="1", position_ms=60_000, duration_ms=6_000_000, state=PlaybackState.PLAYING, session="s-1"
    )
    on_plex(fake, lambda plex: plex.report(report))
    on_plex(fake, lambda plex: plex.report(replace(report, at=datetime.fromtimestamp(1_700_000_000, UTC))))

    assert on_plex(fake, lambda plex: plex.watch_state("1")).position_ms == 60_000
    assert [t["duration"] for t in fake.timelines] == ["6000000", "6000000"]
    assert {t["session"] for t in fake.timelines} == {"s-1"}
    assert (fake.timelines[1]["offline"], fake.timelines[1]["updated"]) == ("1", "1700000000")


def test_watched_unwatched_and_rating_reach_the_item(fake: FakePlex) -> None:
    """D1-10, D2-15: with the identifier that Plex demands."""

    async def work(plex: PlexServer) -> tuple[Item, Item]:
        await plex.mark_watched("1")
        await plex.rate("1", 7.5)
        seen = await plex.item("1")
        await plex.mark_unwatched("1")
        return seen, await plex.item("1")

    seen, unseen = on_plex(fake, work)

    assert (seen.watch.watched, seen.user_rating, unseen.watch) == (True, 7.5, WatchState())


def test_a_finished_download_refreshes_its_own_folder_only(fake: FakePlex) -> None:
    """Path-scoped: a full scan of a large library takes minutes."""
    path = "/more/2/Show/Season 03"

    assert on_plex(fake, lambda plex: plex.refresh(path)) == ("2",)
    assert on_plex(fake, lambda plex: plex.refresh("/elsewhere")) == ()
    assert fake.refreshed == [("2", path)]
    assert on_plex(fake, lambda plex: plex.refresh()) == ("1", "2")


def test_a_refresh_is_verified_by_the_file(fake: FakePlex) -> None:
    """The server lists exactly this file, or it does not."""
    assert on_plex(fake, lambda plex: plex.holds("/media/1/Alien.mkv")) is True
    assert on_plex(fake, lambda plex: plex.holds("/media/1/Aliens.mkv")) is False
    assert on_plex(fake, lambda plex: plex.holds("/media/2/Show 1x2.mkv")) is True


def test_what_is_not_there_is_missing(fake: FakePlex) -> None:
    """And nothing else: one request for identity, one for the item."""
    with pytest.raises(Missing):
        on_plex(fake, lambda plex: plex.item("4711"))
    assert len(fake.exchanges) == 2


def test_the_credentials_have_three_states(fake: FakePlex) -> None:
    """D1 auth states: accepted, refused, and no evidence either way."""
    good = on_plex(fake, lambda plex: plex.initialise())
    bad = on_plex(fake, lambda plex: plex.initialise(), token="stale-token")
    fake.machine_id = "another"
    unknown = on_plex(fake, lambda plex: plex.initialise())

    assert [s.status for s in (good, bad, unknown)] == [
        AuthStatus.AUTHENTICATED, AuthStatus.AUTH_REQUIRED, AuthStatus.UNKNOWN,
    ]  # fmt: skip
    assert good.user is not None
    assert good.user.name == "owner"


def test_a_refused_token_is_an_error_of_its_own(fake: FakePlex) -> None:
    """The remedy is another one than for a server that is down."""
    with pytest.raises(AuthRequired, match="sign in again"):
        on_plex(fake, lambda plex: plex.sections(), token="stale-token")


def test_another_server_at_the_address_never_sees_the_token(fake: FakePlex) -> None:
    """D1-5: the probe goes out without credentials, and nothing goes out after it."""
    fake.machine_id = "another"

    with pytest.raises((WrongServer, TryLater), match=r"another Plex server|does not answer"):
        on_plex(fake, lambda plex: plex.sections())
    assert all("x-plex-token" not in asked.headers for asked, *_ in fake.exchanges)


def test_the_token_is_in_headers_only_and_the_client_is_ours(fake: FakePlex) -> None:
    """D1-5, D1-18: query strings end up in logs; the identifier is that of the installation."""
    on_plex(fake, lambda plex: plex.rows())

    for asked, *_ in fake.exchanges[1:]:
        assert "token" not in str(asked.url)
        assert asked.headers["x-plex-client-identifier"] == "installation-1"


def test_odd_items_do_not_cost_the_library(fake: FakePlex) -> None:
    """Numbers as text, unknown kinds, missing names: the rest is still read."""
    fake.add("1", "movie", 4, "Odd", year="1985", rating="n/a", duration=None, addedAt=10**18)
    fake.items["x"] = {"type": "movie", "librarySectionID": 1}
    items = on_plex(fake, lambda plex: listed(plex, FILMS, ItemKind.MOVIE))

    assert (items[-1].title, items[-1].year, items[-1].rating, items[-1].added_at) == (
        "Odd",
        1985,
        None,
        None,
    )
    assert len(items) == 4


def test_nothing_is_kept_between_operations(fake: FakePlex) -> None:
    """D1 stateless factory: the second operation sees the changed credentials."""
    fake.tokens = {"rotated"}

    with pytest.raises(AuthRequired):
        on_plex(fake, lambda plex: plex.sections())
    assert len(on_plex(fake, lambda plex: plex.sections(), token="rotated")) == 2

"""Our clients and the real ones, both against the fakes, every exchange against the published descriptions.

What a description does not allow must be on the list below it, each line with its reason.
"""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
from pydantic import SecretStr
from starlette.requests import Request

from tests.servers import contract
from tests.servers.fake_jellyfin import PASSWORD, USER_NAME, FakeJellyfin, key
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import served
from tests.servers.sources import jellyfin_with_library, listed, on_jellyfin, on_plex, plex_with_library
from tests.servers.test_sign_in import _jellyfin
from vidra.servers.interface import ItemKind, MediaServer, PlaybackState, Progress
from vidra.servers.jellyfin_login import JellyfinLogin

PLEX_KNOWN = {
    "unknown: GET /library/sections": "served since ever, and what plexapi asks",
    "unknown: GET /library/metadata/{}/children": "the same",
    "unknown: GET /library/sections/{}/refresh": "the file knows POST and DELETE; every server takes GET",
    "GET /library/metadata/{ids}: query name 'includeGuids' is unknown": "as plexapi asks",
    "GET /library/metadata/{ids}: query name 'includeMarkers' is unknown": "as plexapi asks",
    "GET /library/metadata/{ids}: query name 'includeChapters' is unknown": "as plexapi asks",
    "GET /library/metadata/{ids}/allLeaves: query name 'includeGuids' is unknown": "as plexapi asks",
    "POST /:/timeline: query name 'identifier' is unknown": "as plexapi asks; older servers insist",
    "PUT /:/rate: answer: Missing response data None": "servers answer with nothing",
    "PUT /:/scrobble: answer: Missing response data None": "the same",
    "PUT /:/unscrobble: answer: Missing response data None": "the same",
}
SINCE = datetime(2024, 1, 1, tzinfo=UTC)


async def _everything(server: MediaServer, film: str, show: str) -> None:
    """Call every operation of the interface once."""
    await server.initialise()
    for section in await server.sections():
        kind = ItemKind.MOVIE if section.title == "Films" else ItemKind.EPISODE
        await server.count(section, kind)
        await listed(server, section, kind, page_size=2)
        await listed(server, section, kind, since=SINCE)
    await server.item(film)
    await server.seasons(show)
    await server.episodes(show)
    await server.rows()
    await server.search("matrix")
    await server.markers(film)
    await server.stream(film)
    await server.rate(film, 8)
    for section in server.selections():
        await listed(server, section, ItemKind.PLAYLIST)
    await server.members(show, ItemKind.COLLECTION)
    for state in PlaybackState:
        await server.report(_progress(film, state, None))
    await server.report(_progress(film, PlaybackState.STOPPED, SINCE))
    await server.mark_watched(film)
    await server.mark_unwatched(film)
    await server.watch_state(film)
    await server.refresh("/media/1")
    await server.refresh()
    await server.holds("/media/1/x.mkv")


def _progress(film: str, state: PlaybackState, at: datetime | None) -> Progress:
    return Progress(item_id=film, position_ms=900_000, duration_ms=6_000_000, state=state, session="s", at=at)


def _faults(description: contract.Contract, fake: FakePlex | FakeJellyfin) -> set[str]:
    return {fault for exchange in fake.exchanges for fault in description.faults(exchange)}


def _exchange(
    method: str, path: str, query: str = "", body: bytes = b"", answer: bytes = b"{}"
) -> contract.Exchange:
    headers = [(b"content-type", b"application/json"), (b"authorization", b"MediaBrowser")]
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "query_string": query.encode(),
        "headers": headers,
    }
    return Request(scope), body, 200, answer, "application/json"


def test_what_we_ask_of_plex_is_in_its_description() -> None:
    """Requests and the fake's answers, so that the fake cannot drift either."""
    fake = plex_with_library()
    fake.add_playlist(77, "Evening", 1)
    fake.members["1000"] = ["1"]
    on_plex(fake, lambda plex: _everything(plex, "1", "1000"))
    on_plex(fake, lambda plex: plex.members("77", ItemKind.PLAYLIST))

    assert _faults(contract.plex(), fake) == set(PLEX_KNOWN)
    assert len(fake.exchanges) > 30


def test_what_we_ask_of_jellyfin_is_in_its_description() -> None:
    """The same, bodies included."""
    fake = jellyfin_with_library()
    on_jellyfin(fake, lambda jf: _everything(jf, key("MovieThe Matrix"), key("SeriesShow")))
    _jellyfin(fake, lambda login: login.with_password(USER_NAME, SecretStr(PASSWORD)))

    async def quick(login: JellyfinLogin) -> None:
        fake.confirmed = True
        await login.finish_quick_connect(await login.start_quick_connect())

    _jellyfin(fake, quick)

    assert _faults(contract.jellyfin(), fake) == set()
    assert len(fake.exchanges) > 30


@pytest.mark.parametrize(
    ("exchange", "fault"),
    [
        (_exchange("GET", "/Items", "startIndex=first"), "request"),
        (_exchange("GET", "/items", "nonsense=1"), "query name 'nonsense' is unknown"),
        (
            _exchange("POST", "/Sessions/Playing/Progress", body=b'{"PositionTicks": "x"}'),
            "request: PositionTicks",
        ),
        (
            _exchange("GET", "/Items", answer=b'{"Items": [{"RunTimeTicks": "long"}]}'),
            "answer: Items/*/RunTimeTicks",
        ),
        (_exchange("GET", "/Nowhere"), "unknown: GET /Nowhere"),
    ],
)
def test_the_check_notices_what_is_wrong(exchange: contract.Exchange, fault: str) -> None:
    """A contract test that cannot fail proves nothing."""
    assert any(fault in line for line in contract.jellyfin().faults(exchange))


@pytest.fixture
def quiet() -> Iterator[None]:
    """Let the real clients' own warnings pass: they are not ours to fix."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@pytest.mark.usefixtures("quiet")
def test_the_real_plexapi_works_with_the_fake() -> None:
    """Whoever serves plexapi well enough is a fair stand-in for a Plex server."""
    from plexapi import server as plexapi_server
    from plexapi.exceptions import Unauthorized

    client: Any = plexapi_server.PlexServer
    fake = plex_with_library()
    with served(fake.app()) as running:
        with pytest.raises(Unauthorized):
            client(running.url, "wrong-token")
        real = client(running.url, "token-of-server")
        films = real.library.section("Films").all()
        episodes = real.fetchItem(1000).episodes()
        films[0].markPlayed()
        films[0].updateTimeline(60_000, state="playing", duration=6_000_000)
        deck = real.library.onDeck()
        real.library.section("Films").update()

    assert [film.title for film in films] == ["The Matrix", "Alien", "Brazil"]
    assert [e.seasonEpisode for e in episodes] == ["s01e01", "s01e02", "s01e03", "s02e01", "s02e02", "s02e03"]
    assert fake.items["1"]["viewCount"] == 1
    assert {item.title for item in deck} == {"The Matrix", "Brazil"}
    assert fake.refreshed == [("1", None)]


@pytest.mark.usefixtures("quiet")
def test_the_real_jellyfin_client_works_with_the_fake() -> None:
    """Sign-in, views, items, playback: with names in the case it likes."""
    from jellyfin_apiclient_python import JellyfinClient  # type: ignore[import-untyped]  # ships no types

    fake = jellyfin_with_library()
    with served(fake) as running:
        client = JellyfinClient(allow_multiple_clients=True)
        client.config.app("Vidra tests", "0.1", "device", "device-1")
        client.config.data["auth.ssl"] = False
        client.auth.connect_to_address(running.url)
        assert client.auth.login(running.url, USER_NAME, PASSWORD)["AccessToken"] == "token-of-user"
        client.logged_in = True  # what its `authenticate` sets after a scan of the network for servers
        client.start(websocket=False)
        views = client.jellyfin.get_views()["Items"]
        seasons = client.jellyfin.get_seasons(key("SeriesShow"))["Items"]
        client.jellyfin.item_played(key("MovieAlien"), watched=True)
        client.stop()

    assert [view["Name"] for view in views] == ["Films", "Series"]
    assert [season["IndexNumber"] for season in seasons] == [1]
    assert fake.items[key("MovieAlien")]["UserData"]["Played"] is True

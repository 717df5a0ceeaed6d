"""After a download: every server hears of its files once, and one that is away hears of them later."""

from __future__ import annotations

from collections.abc import Sequence

from tests.servers.serving import Faulty, refused_url, served
from tests.servers.sources import jellyfin_with_library, plex_with_library
from tests.sources.house import House
from vidra.engine.sources.refreshing import KEPT_FOR, RefreshQueue, Told, servers_to_tell, tell_servers
from vidra.servers.announce import Announced
from vidra.state.source_interface import AuthState, SourceKind, SourcePath

QUICK = (0.01, 0.05)


def told(house: House, files: Sequence[str], *source_ids: str) -> Sequence[Told]:
    """Let the files wait for the sources, and tell the servers."""
    with RefreshQueue(house.folder, clock=house.clock) as queue:
        queue.add(source_ids or ("home",), files)
        return house.do(lambda room: tell_servers(room, queue, look_after=QUICK))


def waiting(house: House) -> dict[str, list[str]]:
    """Return what waits, as another process sees it."""
    with RefreshQueue(house.folder, clock=house.clock) as queue:
        return {key: list(files) for key, files in queue.waiting().items()}


def test_one_scan_of_the_folder_as_the_server_calls_it(house: House) -> None:
    """Item 8: path mapping, many files one scan, verified by asking for the file."""
    fake = plex_with_library()
    with served(fake.app()) as server:
        house.add(SourceKind.PLEX, server.url)
        house.state.sources.update("home", path_mappings=(SourcePath(ours="/srv", theirs="/media"),))
        (one,) = told(house, ["/srv/1/Brazil.mkv", "/srv/1/Alien.mkv"])
    assert one.result is Announced.SCOPED
    assert fake.refreshed == [("1", "/media/1")]
    assert waiting(house) == {}


def test_a_file_that_a_scoped_scan_does_not_find_gets_a_full_one(house: House) -> None:
    """And if that does not help either, nobody asks for ever."""
    fake = plex_with_library()
    with served(fake.app()) as server:
        house.add(SourceKind.PLEX, server.url)
        (one,) = told(house, ["/media/1/Never listed.mkv"])
    assert one.result is Announced.UNSEEN
    assert fake.refreshed == [("1", "/media/1"), ("1", None), ("2", None)]
    assert waiting(house) == {}


def test_a_server_without_that_folder_is_left_in_peace(house: House) -> None:
    """A full scan after every download into another library would keep its disks busy."""
    fake = plex_with_library()
    with served(fake.app()) as server:
        house.add(SourceKind.PLEX, server.url)
        (one,) = told(house, ["/elsewhere/film.mkv"])
    assert one.result is Announced.UNSEEN
    assert not fake.refreshed


def test_jellyfin_is_told_of_the_path(house: House) -> None:
    """`/Library/Media/Updated`, and the file is looked for by its path."""
    fake = jellyfin_with_library()
    with served(fake) as server:
        house.add(SourceKind.JELLYFIN, server.url)
        house.check()
        (one,) = told(house, ["/media/Alien.mkv"])
    posted = [request.url.path for request, *_ in fake.exchanges if request.method == "POST"]
    assert posted[0] == "/Library/Media/Updated"
    assert one.problem is None


def test_a_server_that_is_away_hears_of_it_when_it_is_back(house: House) -> None:
    """The others hear of it at once; nothing is told twice."""
    fake, fault = plex_with_library(), Faulty(plex_with_library().app())
    fault.status = 503
    with served(fake.app()) as near, served(fault) as away:
        house.add(SourceKind.PLEX, near.url)
        house.add(SourceKind.PLEX, away.url, source_id="away")
        results = {one.source_id: one for one in told(house, ["/media/1/Alien.mkv"], "home", "away")}
        assert results["home"].result is Announced.SCOPED
        assert results["away"].result is None
        assert "503" in (results["away"].problem or "")
        assert waiting(house) == {"away": ["/media/1/Alien.mkv"]}
        fault.status = None
        house.clock.advance(3600)
        (one,) = told(house, [], "away")
    assert one.result is Announced.SCOPED
    assert fake.refreshed == [("1", "/media/1")]


def test_a_source_nobody_is_signed_in_to_waits_for_that(house: House) -> None:
    """It is written down that a sign-in is needed; the file is not forgotten."""
    with served(plex_with_library().app()) as server:
        house.add(SourceKind.PLEX, server.url, token="wrong")
        (one,) = told(house, ["/media/1/Alien.mkv"])
    assert one.result is None
    assert house.state.sources.get("home").auth_status is AuthState.AUTH_REQUIRED
    assert waiting(house) == {"home": ["/media/1/Alien.mkv"]}


def test_what_is_old_or_for_nobody_is_forgotten(house: House) -> None:
    """A server that was away for a week scans by itself."""
    house.add(SourceKind.PLEX, refused_url())
    with RefreshQueue(house.folder, clock=house.clock) as queue:
        queue.add(["home", "gone"], ["/a"])
        queue.sweep(["home"])
        assert list(queue.waiting()) == ["home"]
        house.clock.advance(KEPT_FOR.total_seconds() + 1)
        queue.sweep(["home"])
        assert queue.newest() is None


def test_local_sources_need_not_be_told(house: House) -> None:
    """They read the folders at every call."""
    server = house.add(SourceKind.PLEX, refused_url())
    local = server.model_copy(update={"source_id": "films", "type": SourceKind.LOCAL})
    assert servers_to_tell([server, local]) == ["home"]

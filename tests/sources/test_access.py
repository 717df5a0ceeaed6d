"""Using a source: the best address now, another one in the middle of things, and what is learned by it."""

from __future__ import annotations

import time

import pytest

from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Faulty, served
from tests.servers.sources import jellyfin_with_library, listed, plex_with_library
from tests.sources.house import House
from vidra.connections import Candidate
from vidra.engine.sources.access import SourceRoom, scope_of, standing_of
from vidra.errors import AuthRequired, SourceNotFound, TryLater
from vidra.servers.interface import ItemKind
from vidra.state.source_interface import AuthState, SourceKind


def library_of(count: int) -> FakePlex:
    """Return a server with that many films in pages of twenty."""
    fake = FakePlex(largest_page=20)
    fake.add_section("1", "Films", "movie", "/media/1")
    for number in range(count):
        fake.add("1", "movie", number + 1, f"Film {number:04}")
    return fake


def test_a_read_goes_on_where_it_was_when_the_primary_dies(house: House) -> None:
    """Item 7: nothing twice, nothing left out, and the store knows the new primary afterwards."""
    fake = library_of(100)
    dying = Faulty(fake.app())
    with served(dying) as local, served(fake.app(), "127.0.0.2") as remote:
        house.add(SourceKind.PLEX, local.url, Candidate(uri=remote.url))
        house.check()

        async def read(room: SourceRoom) -> list[str]:
            titles: list[str] = []
            async with room.server("home") as server:
                (section,) = await server.sections()
                async for page in server.items(section, ItemKind.MOVIE, page_size=20):
                    titles += [item.title for item in page.items]
                    dying.hangs = len(titles) >= 40
            return titles

        titles = house.do(read)
        dying.hangs = False
    assert titles == [f"Film {number:04}" for number in range(100)]
    assert standing_of(house.state.sources.get("home")).primary == remote.url
    event = house.state.sources.events("home")[-1]
    assert (event.event, event.old, event.new) == ("connection-changed", local.url, remote.url)


def test_an_operation_that_finds_nobody_writes_that_down(house: House) -> None:
    """The next one is told until when, without asking again (A6)."""
    fault = Faulty(plex_with_library().app())
    with served(fault) as server:
        house.add(SourceKind.PLEX, server.url)
        house.check()
        fault.status = 503

        async def ask(room: SourceRoom) -> None:
            async with room.server("home") as home:
                await home.sections()

        with pytest.raises(TryLater):
            house.do(ask)
        asked = len(fault.requests)
        with pytest.raises(TryLater, match="offline until"):
            house.do(ask)
    assert len(fault.requests) == asked
    assert house.told()[-1] == "connection-lost"


def test_a_refused_token_is_written_down(house: House) -> None:
    """So that the listing says who has to sign in, and the token is still there."""
    with served(plex_with_library().app()) as server:
        house.add(SourceKind.PLEX, server.url, token="not-the-token")

        async def ask(room: SourceRoom) -> None:
            async with room.server("home") as home:
                await home.sections()

        with pytest.raises(AuthRequired):
            house.do(ask)
    assert house.state.sources.get("home").auth_status is AuthState.AUTH_REQUIRED
    assert house.credentials.load(scope_of("home"), "token") is not None


def test_a_source_nobody_signed_in_to_says_how(house: House) -> None:
    """Before any request is made."""
    with served(plex_with_library().app()) as server:
        house.add(SourceKind.PLEX, server.url, token=None)

        async def ask(room: SourceRoom) -> None:
            async with room.server("home"):
                raise AssertionError("opened")

        with pytest.raises(AuthRequired, match="vidra source login"):
            house.do(ask)
    with pytest.raises(SourceNotFound):
        house.do(lambda room: room.server("nobody").__aenter__())


def test_two_sources_of_one_process_share_the_pool_not_the_token(house: House) -> None:
    """Each request carries the token of its own source."""
    plex, jellyfin = plex_with_library(), jellyfin_with_library()
    with served(plex.app()) as one, served(jellyfin, "127.0.0.2") as two:
        house.add(SourceKind.PLEX, one.url)
        house.add(SourceKind.JELLYFIN, two.url, source_id="other")
        house.check()

        async def read(room: SourceRoom) -> int:
            count = 0
            for source_id in ("home", "other"):
                async with room.server(source_id) as server:
                    section = (await server.sections())[0]
                    count += len(await listed(server, section, ItemKind.MOVIE))
            return count

        assert house.do(read) == 5
    assert all("token-of-user" not in str(r.headers.raw) for r, *_ in plex.exchanges)


def test_the_address_that_answers_first_serves_a_new_source(house: House) -> None:
    """A source that was never checked is looked at by its first operation."""
    with served(plex_with_library().app()) as server:
        house.add(SourceKind.PLEX, server.url)

        async def ask(room: SourceRoom) -> int:
            async with room.server("home") as home:
                return len(await home.sections())

        began = time.monotonic()
        assert house.do(ask) == 2
        assert time.monotonic() - began < 5
    assert standing_of(house.state.sources.get("home")).primary == server.url

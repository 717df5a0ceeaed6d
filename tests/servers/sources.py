"""Servers under test, each over its fake, for the length of one operation."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime
from typing import TypeVar

import httpx
from pydantic import SecretStr

from tests.servers.fake_jellyfin import USER, FakeJellyfin
from tests.servers.fake_plex import FakePlex
from vidra.servers.interface import ClientIdentity, Item, ItemKind, MediaServer, Section
from vidra.servers.jellyfin import JellyfinServer
from vidra.servers.plex import PlexServer
from vidra.servers.wire import FixedRoute

IDENTITY = ClientIdentity(identifier="installation-1", version="0.1", device='Ä "quoted" device')
NOW = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)
BASE = "http://server.test"
PLEX_TOKEN, JELLYFIN_TOKEN = "token-of-server", "token-of-user"
T = TypeVar("T")


def on_plex(fake: FakePlex, work: Callable[[PlexServer], Awaitable[T]], *, token: str = PLEX_TOKEN) -> T:
    """Run one operation against the fake, in memory."""

    async def main() -> T:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fake.app())) as client:
            server = PlexServer(
                client=client,
                route=FixedRoute(BASE),
                machine_id="machine-1",
                token=SecretStr(token),
                identity=IDENTITY,
            )
            return await work(server)

    return asyncio.run(main())


def on_jellyfin(
    fake: FakeJellyfin, work: Callable[[JellyfinServer], Awaitable[T]], *, token: str = JELLYFIN_TOKEN
) -> T:
    """Run one operation against the fake, in memory."""

    async def main() -> T:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(fake)) as client:
            server = JellyfinServer(
                client=client,
                route=FixedRoute(BASE),
                machine_id=FakeJellyfin().machine_id,
                token=SecretStr(token),
                user_id=USER,
                identity=IDENTITY,
            )
            return await work(server)

    return asyncio.run(main())


async def listed(
    server: MediaServer,
    section: Section,
    kind: ItemKind,
    *,
    since: datetime | None = None,
    page_size: int = 200,
) -> list[Item]:
    """Return all items of a listing."""
    pages = server.items(section, kind, changed_since=since, page_size=page_size)
    return [item async for page in pages for item in page.items]


def plex_with_library() -> FakePlex:
    """Return a fake with films and a show."""
    fake = FakePlex()
    fake.add_section("1", "Films", "movie", "/media/1")
    fake.add_section("2", "Series", "show", "/media/2", "/more/2")
    film = {"year": 1999, "rating": 8.7, "Guid": [{"id": "tmdb://603"}], "Genre": [{"tag": "Action"}]}
    fake.add("1", "movie", 1, "The Matrix", **film, Role=[{"tag": "Keanu", "role": "Neo"}])
    fake.add("1", "movie", 2, "Alien", viewCount=2, lastViewedAt=1_750_000_000)
    fake.add("1", "movie", 3, "Brazil", viewOffset=61_500)
    fake.add_show("2", 1000, "Show", seasons=2, episodes=3)
    return fake


def jellyfin_with_library(version: str = "10.11.11") -> FakeJellyfin:
    """Return a fake with films and a show."""
    fake = FakeJellyfin(version=version)
    films, series = fake.add_view("Films", "movies", "/media"), fake.add_view("Series", "tvshows", "/series")
    fake.add(films, "Movie", "The Matrix", ProductionYear=1999, CommunityRating=8.7, Genres=["Action"])
    alien = fake.add(films, "Movie", "Alien")
    fake.items[alien]["UserData"] |= {"PlaybackPositionTicks": 61_500 * 10_000, "PlayCount": 1}
    show = fake.add(series, "Series", "Show", ChildCount=1, RecursiveItemCount=3)
    season = fake.add(series, "Season", "Season 1", SeriesId=show, SeriesName="Show", IndexNumber=1)
    for number in (1, 2, 3):
        fake.add(
            series, "Episode", f"Episode {number}", SeriesId=show, SeriesName="Show", SeasonId=season,
            ParentIndexNumber=1, IndexNumber=number, PremiereDate="2020-01-01T00:00:00.0000000Z",
        )  # fmt: skip
    return fake

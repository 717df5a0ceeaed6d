"""What a sync asks of a server and of the disk."""

from __future__ import annotations

import asyncio
from typing import Any

from starlette.types import Receive, Scope, Send

from tests.library.syncing import Desk
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import plex_with_library
from vidra.state.keyed import MemoryKeyedStore


class Counting(FakePlex):
    """Counts how many requests are under way at once."""

    most = 0

    def app(self) -> Any:
        """Return the application with a counter around it."""
        inner, now = super().app(), 0

        async def counted(scope: Scope, receive: Receive, send: Send) -> None:
            nonlocal now
            now += 1
            self.most = max(self.most, now)
            await asyncio.sleep(0.002)
            try:
                await inner(scope, receive, send)
            finally:
                now -= 1

        return counted


def test_a_server_is_never_asked_more_than_its_share_at_once() -> None:
    """However many sections it has: as many requests as sections that are listed side by side."""
    fake = Counting(largest_page=5)
    for section in range(1, 7):
        fake.add_section(str(section), f"Films {section}", "movie")
        for number in range(12):
            fake.add(str(section), "movie", section * 100 + number, f"Film {section}-{number}")
    desk: Desk[FakePlex] = Desk(MemoryKeyedStore(), fake, page_size=20)
    desk.sync()
    assert len(desk.items("movie")) == 72
    assert fake.most == 2


def test_items_are_written_a_page_at_a_time() -> None:
    """A thousand films are a handful of transactions, not a thousand."""
    fake = FakePlex(largest_page=250)
    fake.add_section("1", "Films", "movie")
    for number in range(1, 1001):
        fake.add("1", "movie", number, f"Film {number}")
    store = MemoryKeyedStore()
    Desk(store, fake, page_size=250).sync()
    assert int(store.revision().rpartition("-")[2]) <= 15


def test_a_change_just_before_the_last_sync_is_not_missed() -> None:
    """Changes are asked for with an overlap: a server stamps what it shows only later."""
    desk: Desk[FakePlex] = Desk(MemoryKeyedStore(), plex_with_library(), overlap=300)
    desk.fake.items["3"]["updatedAt"] = desk.now + 3600  # the server's clock, at the moment of the sync
    desk.sync()
    desk.fake.items["1"] |= {"title": "Matrix", "updatedAt": desk.now - 250}
    assert desk.sync().difference == {"changed": 1}
    desk.fake.items["2"] |= {"title": "Aliens", "updatedAt": desk.now - 7200}
    assert desk.sync().difference == {}, "that long ago needs a full listing"
    assert desk.sync(full=True).difference == {"changed": 1}


def test_an_unchanged_library_costs_a_handful_of_requests() -> None:
    """Two questions and a count for each kind, whatever the number of items."""
    fake = plex_with_library()
    for number in range(100, 2100):
        fake.add("1", "movie", number, f"Film {number}")
    desk: Desk[FakePlex] = Desk(MemoryKeyedStore(), fake)
    desk.sync()
    desk.sync()
    assert len(desk.fake.exchanges) <= 20

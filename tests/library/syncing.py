"""Syncs a store with a fake server, as the flow does."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any, Generic, TypeVar

from tasks.library_sync import SourceSync, sync_source
from tests.servers.fake_jellyfin import FakeJellyfin
from tests.servers.fake_plex import FakePlex
from tests.servers.sources import on_jellyfin, on_plex
from vidra.clock import ManualClock
from vidra.library.records import ITEMS
from vidra.library.status import SyncStatus
from vidra.servers.interface import MediaServer
from vidra.settings.library import LibrarySettings
from vidra.state.keyed import KeyedStore

START = datetime(2026, 11, 20, 20, 0, tzinfo=UTC)


F = TypeVar("F", FakePlex, FakeJellyfin)


class Desk(Generic[F]):
    """A store, a clock and a fake; `sync` does one sync, an hour after the last."""

    def __init__(self, store: KeyedStore, fake: F, **settings: Any) -> None:
        self.store = store
        self.fake: F = fake
        self.settings = LibrarySettings(**settings)
        self.clock = ManualClock(START)
        self.last: SourceSync

    def sync(self, **options: Any) -> SyncStatus:
        """Sync and return how it went; the sync itself stays as `last`."""
        self.fake.exchanges.clear()
        self.clock.advance(timedelta(hours=1).total_seconds())

        async def work(server: MediaServer) -> SyncStatus:
            self.last = SourceSync(server, self.store, settings=self.settings, clock=self.clock, **options)
            return await sync_source(self.last, concurrency=2)

        if isinstance(self.fake, FakePlex):
            return on_plex(self.fake, work)
        return on_jellyfin(self.fake, work)

    @property
    def now(self) -> int:
        """The clock's time as servers write it."""
        return int(self.clock.now().timestamp())

    def items(self, kind: str | None = None) -> dict[str, Any]:
        """Return the stored items that are no tombstones, by title."""
        return {
            record["title"]: record
            for record in self.store.all(ITEMS)
            if not record.get("missed") and kind in {None, record["kind"]}
        }

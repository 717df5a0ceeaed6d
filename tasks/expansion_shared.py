"""What the subscriptions of one run share: state, books, sessions for listing, and slots."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from tasks.list_sessions import ListSessions
from tasks.politeness import Politeness
from tasks.reporting import RunLogger
from tasks.subscription_notices import RunNotices
from vidra.media.interface import Listing
from vidra.media.lists.request import ExpansionRequest
from vidra.settings import Settings, SubscriptionSettings
from vidra.state import FileState
from vidra.state.holdings import Holdings, open_holdings
from vidra.state.subscriptions import SubscriptionBook, open_book

LISTS_AT_ONCE: Final = 8
JOBS_AT_ONCE: Final = 4
"""Jobs worked on side by side; their downloads together are bounded by `downloads.concurrency`."""


class Shared:
    """Opened for a run, ended by `close`."""

    def __init__(
        self, request: ExpansionRequest, settings: Settings, state: FileState, *, log: RunLogger, run_id: str
    ) -> None:
        storage = settings.storage
        self.request, self.settings, self.state, self.log, self.run_id = request, settings, state, log, run_id
        self.book: SubscriptionBook = open_book(storage.data_dir, lock_timeout=storage.lock_timeout)
        self.holdings: Holdings = open_holdings(storage.data_dir, lock_timeout=storage.lock_timeout)
        self.notices = RunNotices(settings, silent=request.dry_run)
        self.working = asyncio.Semaphore(JOBS_AT_ONCE)
        self.slots = asyncio.Semaphore(settings.downloads.concurrency)
        self._politeness = Politeness(settings, state, flow_run_id=run_id, say=log.warning)
        self._sessions = ListSessions(settings, log=log, size=LISTS_AT_ONCE)
        self._listing = asyncio.Semaphore(LISTS_AT_ONCE)
        self._addresses: tuple[int, Mapping[str, str]] = (-1, {})

    async def list_all(self, name: str, own: SubscriptionSettings) -> Sequence[Listing]:
        """Return what the subscription's addresses name, when it is its turn."""
        async with self._listing:
            return await self._sessions.list_all(name, own, self._politeness)

    def addresses(self, archived: int) -> Mapping[str, str]:
        """Return the key of each page in the library, when the archive has so many keys."""
        if self._addresses[0] != archived:
            self._addresses = (archived, self.holdings.addresses())
        return self._addresses[1]

    def close(self) -> None:
        """End the threads and close the books."""
        self._sessions.close()
        self._politeness.close()
        self.holdings.close()
        self.book.close()
        self.state.close()

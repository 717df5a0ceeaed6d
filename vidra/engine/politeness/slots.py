"""Takes slots of the server's limits for the downloads of one flow run, and gives them back.

Prefect's own `concurrency()` would do the same with a second client, a thread and two more requests for
each download, fails a finished download when the slot cannot be given back, and its `rate_limit()` asks
so often that a slow rate never gets free: each refused request sets the limit's clock back. So the
same server calls are made here, on the client that the run has anyway. Imports Prefect when used.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar
from uuid import UUID

import anyio
import httpx

from vidra.engine.politeness.limits import (
    GlobalLimit,
    download_limits,
    pace_of,
    release_dead_leases,
    write_limit,
)
from vidra.settings import LimitSettings

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient

log = logging.getLogger(__name__)
T = TypeVar("T")

LEASE: Final = 60.0
"""Seconds after which the server takes back a slot that nobody renews; the shortest Prefect accepts."""
RENEWAL: Final = 20.0
"""Seconds between two renewals: two may be lost."""
LONGEST_WAIT: Final = 2.0
"""Seconds between two questions for a slot; the server would have up to 30 pass."""
OUTAGE: Final = 30.0
"""Seconds a server that does not answer is waited for; then the download goes on without a slot."""
RELEASE_LIMIT: Final = 5.0
"""Seconds that giving back may take; the lease ends by itself soon after."""


class Slots:
    """The slots of one flow run. For one event loop; a site without limits costs no request."""

    def __init__(self, limits: LimitSettings, *, flow_run_id: str | None, home: Path) -> None:
        """`home` is the Prefect home, where dead processes of this machine are told from living ones."""
        self._limits, self._run, self._home = limits, flow_run_id, home
        self._turns: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @asynccontextmanager
    async def held(self, site: str) -> AsyncIterator[None]:
        """Hold a slot of every limit on downloads from the site; waits until there is one.

        A server that is away for long does not keep downloads from going on.
        """
        wanted = download_limits(site, self._limits)
        lease = await self._lease(wanted) if wanted else None
        if lease is None:
            yield
            return
        renewing = asyncio.create_task(_renew(lease))
        try:
            yield
        finally:
            renewing.cancel()
            await _give_back(lease)

    async def pace(self, site: str) -> None:
        """Wait until the site may be asked for something again."""
        pace = pace_of(site, self._limits)
        if pace is None:
            return
        async with self._turns[pace.name]:
            await take_all(pace)

    async def _lease(self, wanted: Sequence[GlobalLimit]) -> UUID | None:
        # In turn: one question at a time for the same limits, in the order in which they were asked.
        async with self._turns[",".join(limit.name for limit in wanted)]:
            while True:
                answer = await _despite_outage(lambda: self._ask(wanted))
                if answer is None or isinstance(answer, UUID):
                    return answer
                if not await release_dead_leases(self._home, only_killed=True):
                    await asyncio.sleep(min(answer, LONGEST_WAIT) * random.uniform(0.5, 1.0))  # noqa: S311 - jitter

    async def _ask(self, wanted: Sequence[GlobalLimit]) -> UUID | float:
        """Return a lease, or the seconds after which to ask again."""
        from prefect.client.schemas.objects import ConcurrencyLeaseHolder  # noqa: PLC0415 - 1.3 s

        holder = ConcurrencyLeaseHolder(type="flow_run", id=UUID(self._run)) if self._run else None
        names = [limit.name for limit in wanted]
        async with _client() as client:
            while True:
                try:
                    response = await client.increment_concurrency_slots_with_lease(
                        names, 1, "concurrency", LEASE, holder=holder
                    )
                except httpx.HTTPStatusError as error:
                    return _locked(error)
                answer: dict[str, Any] = response.json()
                known = {limit["name"] for limit in answer["limits"]}
                lease = UUID(answer["lease_id"])
                missing = [limit for limit in wanted if limit.name not in known]
                if not missing:
                    return lease
                # The first download from this site, or a server on which nothing was declared.
                await client.release_concurrency_slots_with_lease(lease)
                for limit in missing:
                    await write_limit(client, limit)


async def take_all(pace: GlobalLimit) -> None:
    """Wait until all slots of a rate limit are free and take them; they come back by themselves.

    Returns without them when the server stays away: who calls keeps the pace himself as well.
    """
    while seconds := await _despite_outage(lambda: _step(pace)):  # noqa: ASYNC110 - it asks, it does not poll
        await asyncio.sleep(seconds)


async def _step(pace: GlobalLimit) -> float:
    """Take the slots of a rate limit and return 0, or the seconds until they are free."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - 1.3 s

    async with _client() as client:
        try:
            found = await client.read_global_concurrency_limit_by_name(pace.name)
        except ObjectNotFound:
            await write_limit(client, pace)
            return 0.001
        if found.active and found.active_slots > 0 and found.updated is not None:
            # Asked first, as each refusal would have the server count from the beginning.
            since = (datetime.now(UTC) - found.updated).total_seconds()
            left = found.active_slots / pace.per_second - max(0.0, since)
            if left > 0:
                return left + random.uniform(0.01, 0.1)  # noqa: S311 - jitter
        try:
            await client.increment_concurrency_slots([pace.name], pace.slots, "rate_limit")
        except httpx.HTTPStatusError as error:
            _locked(error)
            return pace.slots / pace.per_second
        return 0.0


async def _renew(lease: UUID) -> None:
    while True:
        await asyncio.sleep(RENEWAL)
        try:
            async with _client() as client:
                await client.renew_concurrency_lease(lease, LEASE)
        except httpx.HTTPError as error:
            log.info("a download's slot could not be renewed, it goes on all the same: %s", error)


async def _give_back(lease: UUID) -> None:
    with anyio.CancelScope(shield=True), anyio.move_on_after(RELEASE_LIMIT):
        try:
            async with _client() as client:
                await client.release_concurrency_slots_with_lease(lease)
        except httpx.HTTPError as error:
            log.info("a download's slot could not be given back, it ends by itself: %s", error)


async def _despite_outage(ask: Callable[[], Awaitable[T]]) -> T | None:
    """Return the answer; None when the server stays away."""
    deadline = anyio.current_time() + OUTAGE
    while True:
        try:
            return await ask()
        except httpx.HTTPError as error:
            if anyio.current_time() > deadline:
                log.warning("downloading without a slot: the Prefect server does not answer: %s", error)
                return None
        await asyncio.sleep(1.0)


def _locked(error: httpx.HTTPStatusError) -> float:
    """Return the seconds the server names for a slot that is not free; raise any other refusal."""
    if error.response.status_code != httpx.codes.LOCKED:
        raise error
    with suppress(ValueError, KeyError):
        return float(error.response.headers["Retry-After"])
    return LONGEST_WAIT


@asynccontextmanager
async def _client() -> AsyncIterator[PrefectClient]:
    """Yield the client of the run at hand; a new one where there is none."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - 1.3 s

    async with get_client() as client:
        yield client

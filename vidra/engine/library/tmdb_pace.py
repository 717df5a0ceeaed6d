"""How fast TMDB is asked: at most so often in any second, over all runs that use the same key."""

from __future__ import annotations

import asyncio
import hashlib
import random
from typing import Final

from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.politeness.limits import GlobalLimit, apply_limits
from vidra.engine.politeness.slots import take_all

BATCH: Final = 0.2
"""Share of a second's requests that is taken at once: a turn of each would cost two requests to Prefect."""
GOOD_FOR_S: Final = 0.25
"""Seconds in which what was taken has to be used."""


def tmdb_limit(key: SecretStr, per_second: int) -> GlobalLimit:
    """Return the rate limit of a key, for 2 or more a second; its name tells nothing about the key.

    In any second at most a batch, and what came back within it and the time a batch may be kept, are used:
    `slots + (1 + GOOD_FOR_S) * rate = per_second`.
    """
    digest = hashlib.sha256(b"vidra-tmdb " + key.get_secret_value().encode()).hexdigest()[:12]
    slots = max(1, int(per_second * BATCH))
    rate = (per_second - slots) / (1 + GOOD_FOR_S)
    return GlobalLimit(name=f"vidra-tmdb-{digest}", slots=slots, per_second=rate)


class TmdbPace:
    """The turns of one run: Prefect's limit for all runs, and our own clock if Prefect is away."""

    def __init__(self, limit: GlobalLimit, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._limit, self._clock = limit, clock
        self._turn = asyncio.Lock()
        self._left, self._good_until, self._not_before = 0, 0.0, 0.0

    async def prepare(self) -> None:
        """Make the limit what the settings say. Raises Prefect's errors when it is away."""
        await apply_limits([self._limit])

    async def wait(self) -> None:
        """Return when it is our turn to ask once."""
        async with self._turn:
            if self._left == 0 or self._clock.monotonic() > self._good_until:
                await self._refill()
            self._left -= 1

    def hold(self, seconds: float) -> None:
        """Ask nothing for so long: TMDB said so."""
        self._left = 0
        self._not_before = max(self._not_before, self._clock.monotonic() + seconds)

    async def _refill(self) -> None:
        # Jitter, or several runs that wait for the same slots would ask in the same moment for ever.
        jitter = random.uniform(0, 0.01)  # noqa: S311 - nothing secret
        await asyncio.sleep(max(0.0, self._not_before - self._clock.monotonic()) + jitter)
        await take_all(self._limit)
        now = self._clock.monotonic()
        self._left, self._good_until = self._limit.slots, now + GOOD_FOR_S
        self._not_before = max(self._not_before, now + self._limit.slots / self._limit.per_second)

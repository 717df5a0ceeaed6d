"""How often Prefect's idle server looks for something to do. Imports Prefect's server."""

from __future__ import annotations

import asyncio
import queue
from datetime import timedelta
from functools import partial
from typing import Any, Final

from burner_redis.pubsub import PubSub  # type: ignore[import-untyped]  # ships no types
from prefect.server.api import background_workers

ROUND: Final = timedelta(seconds=1)
"""Four looks a second by default, which is a quarter of what an idle server costs. What is due are services
with intervals of 5 s and more; new work that is to be done at once does not wait for a look."""
PATIENCE: Final = 0.5
"""Seconds that a thread waits for a message at most, which is how late it notices that nobody wants one."""


def look_seldom() -> None:
    """Have the server of this process look once in a round. Call before its application starts."""
    names = background_workers.__dict__  # an import of theirs, which is no part of what the module exports
    names["Worker"] = partial(names["Worker"], scheduling_resolution=ROUND, minimum_check_interval=ROUND)
    reader: Any = PubSub
    reader._queue_get = _next_message  # noqa: SLF001 - there is no setting for it


async def _next_message(pubsub: Any, timeout: float | None) -> Any:  # noqa: ANN401, ASYNC109 - as the original
    """Wait for a message of an in-memory Redis in one thread, half a second and not a tenth at a time.

    It comes at once when there is one. A reader who waits for a tenth of a second, as the one for
    cancellations does for ever, costs twenty threads a second otherwise: a quarter of an idle server.
    """
    if timeout == 0.0:
        return None if pubsub._queue.empty() else pubsub._queue.get_nowait()  # noqa: SLF001 - it is part of it
    while True:
        try:
            return await asyncio.to_thread(pubsub._queue.get, True, PATIENCE)  # noqa: SLF001 - the same
        except queue.Empty:
            if timeout is not None:
                return None

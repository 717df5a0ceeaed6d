"""Asks the engine about a run once, however many watch it."""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Callable
from typing import Final

from vidra.api.interface import RunInfo

FRESH_S: Final = 0.9
"""Seconds an answer is good for."""
_KEPT: Final = 500


class RunWatch:
    """Answers of the engine about runs, for a moment. One event loop."""

    def __init__(self, ask: Callable[[str], Awaitable[RunInfo]]) -> None:
        self._ask = ask
        self._known: OrderedDict[str, tuple[float, asyncio.Task[RunInfo]]] = OrderedDict()

    async def get(self, run_id: str) -> RunInfo:
        """Return the run as it is, or was a moment ago. Raises what the engine raises."""
        now = asyncio.get_running_loop().time()
        asked = self._known.get(run_id)
        if asked is None or now - asked[0] > FRESH_S:
            asked = self._known[run_id] = (now, asyncio.create_task(self._fetch(run_id)))
            self._known.move_to_end(run_id)
            while len(self._known) > _KEPT:
                self._known.popitem(last=False)
        return await asyncio.shield(asked[1])

    async def _fetch(self, run_id: str) -> RunInfo:
        return await self._ask(run_id)

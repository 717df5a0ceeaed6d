"""Writes to many listeners a few at a time, so that whoever asks meanwhile is not kept waiting."""

from __future__ import annotations

import asyncio
import time
from typing import Final, Protocol

SLICE_S: Final = 0.003
"""Seconds of writing after which everybody else gets a turn."""


class Writer(Protocol):
    """Has something to write, to one listener or to many."""

    def flush(self, until: float) -> None:
        """Write until that moment of `time.perf_counter`; ask for another turn if something is left."""
        ...


class Pump:
    """Gives turns to those who have something to write past the tasks of their connections. One event loop.

    Waking a task for each message and listener is most of what telling costs. This is no task either,
    but a callback of the loop: it costs nothing while there is nothing to write.
    """

    def __init__(self) -> None:
        self._due: dict[Writer, None] = {}
        self._turning = False

    def add(self, writer: Writer) -> None:
        """Give the writer one of the next turns; each is asked once however much it has."""
        self._due[writer] = None
        if not self._turning:
            self._turning = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        until = time.perf_counter() + SLICE_S
        try:
            while self._due and time.perf_counter() < until:
                writer = next(iter(self._due))
                del self._due[writer]
                writer.flush(until)
        finally:
            self._turning = bool(self._due)
            if self._turning:
                asyncio.get_running_loop().call_soon(self._turn)

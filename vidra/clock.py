"""The one place that asks what time it is, so that tests can answer instead."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta
from typing import Protocol


class Clock(Protocol):
    """Wall clock (aware, UTC) and a monotonic one (seconds, unknown zero)."""

    def now(self) -> datetime:
        """Return the current instant; aware, UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        ...


class SystemClock:
    """The machine's clocks."""

    def now(self) -> datetime:
        """Return the current instant; aware, UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds that never run backwards."""
        return time.monotonic()


class ManualClock:
    """Clocks that stand still until `advance` moves both by the same number of seconds."""

    def __init__(self, start: datetime) -> None:
        self._now, self._monotonic = start.astimezone(UTC), 0.0

    def now(self) -> datetime:
        """Return the instant that was set."""
        return self._now

    def monotonic(self) -> float:
        """Return the seconds advanced so far."""
        return self._monotonic

    def advance(self, seconds: float) -> None:
        """Move both clocks forward."""
        self._now += timedelta(seconds=seconds)
        self._monotonic += seconds


SYSTEM_CLOCK = SystemClock()


def iso(moment: datetime) -> str:
    """Return `2026-11-20T20:21:59.418625Z`: UTC, always six decimals, the client contract's form."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")

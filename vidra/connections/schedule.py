"""When to look again: by class after a success, ever more rarely after failures."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

from vidra.connections.interface import ConnectionClass, Value

BACKOFF_BASE: Final = 30.0
BACKOFF_CAP: Final = 600.0


class Cadence(Value):
    """Seconds between two checks of a source that works, by the class of its primary."""

    local: float = 30.0
    remote: float = 30.0
    relay: float = 30.0

    def seconds(self, kind: ConnectionClass) -> float:
        """Return the interval after a check that ended with a primary of this class."""
        return {
            ConnectionClass.LOCAL: self.local,
            ConnectionClass.REMOTE: self.remote,
            ConnectionClass.RELAY: self.relay,
        }[kind]


def backoff_seconds(failures: int) -> float:
    """Return `min(30 * 2**n, 600)` for the n-th failure in a row, n from 1 (60, 120, 240, 480, 600 …)."""
    if failures < 1:
        raise ValueError(f"failures count from 1, got {failures}")
    return min(BACKOFF_BASE * 2.0 ** min(failures, 10), BACKOFF_CAP)


def after(now: datetime, seconds: float) -> datetime:
    """Return the instant that many seconds later."""
    return now + timedelta(seconds=seconds)

"""What a back end waits for, and whether the machine has slept meanwhile."""

from __future__ import annotations

from enum import Enum, auto, unique
from typing import Final

from vidra.clock import Clock

SLEPT: Final = 30.0
"""Seconds the wall clock may run ahead of the monotonic one before we say the machine slept."""


@unique
class Timer(Enum):
    """What can be due."""

    PROBE = auto()
    DEADLINE = auto()
    SETTLED = auto()
    """It has lived long enough to count as up, where nobody can be asked."""
    BEGIN = auto()
    """Start (again), look whether a stranger left our port, or end what would not end."""


class Timers:
    """At most one moment for each timer, in monotonic seconds of the clock."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._moments: dict[Timer, float] = {}

    def __contains__(self, timer: Timer) -> bool:
        """Whether the timer is set."""
        return timer in self._moments

    @property
    def next(self) -> float | None:
        """The earliest moment; None when nothing is waited for."""
        return min(self._moments.values(), default=None)

    def set(self, timer: Timer, seconds: float) -> None:
        """Let the timer be due in so many seconds."""
        self._moments[timer] = self._clock.monotonic() + seconds

    def extend(self, timer: Timer, seconds: float) -> bool:
        """Let a timer that is set be due so much later; return whether it was set."""
        if timer in self._moments:
            self._moments[timer] += seconds
        return timer in self._moments

    def take(self, timer: Timer) -> bool:
        """Remove the timer and return True if its moment has come."""
        if timer not in self._moments or self._moments[timer] > self._clock.monotonic():
            return False
        del self._moments[timer]
        return True

    def clear(self) -> None:
        """Wait for nothing."""
        self._moments.clear()


class SleepDetector:
    """Notices that the machine slept: the wall clock goes on then, the monotonic one does not."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._ahead = self._wall_ahead()

    def slept(self) -> bool:
        """Whether it slept since it was asked last."""
        before, self._ahead = self._ahead, self._wall_ahead()
        return self._ahead - before > SLEPT

    def _wall_ahead(self) -> float:
        return self._clock.now().timestamp() - self._clock.monotonic()

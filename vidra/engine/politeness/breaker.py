"""When a site that refuses is left alone, and when it is tried again. Pure: the time is handed in.

closed ── enough refusals within the window ──> open ── its time has come ──> half open
   ^                                             ^                               │
   └──── the site answers one download ──────────┼───────────────────────────────┤
                                                 └── it refuses: twice as long ──┘
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from enum import StrEnum, unique
from typing import Final

PROBE_LIMIT: Final = 900.0
"""Seconds after which whoever tries a half-open site counts as gone, and somebody else may."""


@unique
class Phase(StrEnum):
    """Whether a site is asked."""

    CLOSED = "closed"
    """It is asked as usual."""
    OPEN = "open"
    """It is left alone."""
    HALF_OPEN = "half_open"
    """One download finds out whether it answers again; the others wait for that."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Rule:
    """The owner's patience; times in seconds."""

    refusals: int
    """How many within `window` open the breaker; one that asks for more than `pause` does, too. 0: never."""
    window: float
    pause: float
    longest: float


@dataclass(frozen=True, kw_only=True, slots=True)
class Breaker:
    """What is known about one site. Moments are seconds since the epoch."""

    phase: Phase = Phase.CLOSED
    refused_at: tuple[float, ...] = ()
    """The latest refusals while closed, oldest first."""
    opened: int = 0
    """How often it opened since it was last closed."""
    until: float = 0.0
    """When open: until when. When half open: until when the probe counts as under way."""
    probe: str = ""
    """Who tries a half-open site."""
    reason: str = ""
    """What the site said when it opened the breaker."""

    def admits(self, who: str, now: float) -> bool:
        """Whether `who` may ask the site now; call `admitted` to make it so."""
        return self.phase is Phase.CLOSED or self.probe == who or now >= self.until

    def admitted(self, who: str, now: float) -> Breaker:
        """Return the breaker after `who` was let through: half open, unless it is closed."""
        if self.phase is Phase.CLOSED:
            return self
        return replace(self, phase=Phase.HALF_OPEN, probe=who, until=now + PROBE_LIMIT)

    def refused(
        self, who: str, now: float, *, rule: Rule, reason: str, retry_after: float | None = None
    ) -> Breaker:
        """Return the breaker after the site refused `who`."""
        if not rule.refusals:
            return Breaker()
        if self.phase is Phase.CLOSED:
            recent = (*(at for at in self.refused_at if now - at < rule.window), now)[-rule.refusals :]
            if len(recent) < rule.refusals and (retry_after or 0.0) <= rule.pause:
                return replace(self, refused_at=recent)
        elif self.probe != who:
            return self  # it was under way before the site was left alone: no news
        pause = min(rule.longest, max(rule.pause * 2.0 ** min(self.opened, 40), retry_after or 0.0))
        return Breaker(phase=Phase.OPEN, opened=self.opened + 1, until=now + pause, reason=reason)

    def answered(self, who: str) -> Breaker:
        """Return the breaker after the site gave `who` what it asked for, or said that it is not there."""
        if self.phase is Phase.CLOSED or self.probe == who:
            return Breaker()
        return self  # it had begun before; only the probe counts

    def given_up(self, who: str, now: float) -> Breaker:
        """Return the breaker after `who` ended without the site having said anything."""
        if self.probe != who:
            return self
        return replace(self, phase=Phase.OPEN, probe="", until=now)

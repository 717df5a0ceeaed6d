"""Tells flapping from failing: many changes between good and bad in the latest probes."""

from __future__ import annotations

from collections import deque
from itertools import pairwise
from typing import Final

_PROBES: Final = 21
_RISE, _FALL = 0.30, 0.20
"""Share of changes in a full window; apart, so that the flag itself does not flap. Window and
thresholds are those of the classic monitoring systems (reliability.md section 2.3, item 8)."""


class FlapDetector:
    """Looks at the last 21 probes; judged against a full window, so a short history never flaps."""

    def __init__(self) -> None:
        self._probes: deque[bool] = deque(maxlen=_PROBES)
        self.flapping = False

    def add(self, *, good: bool) -> bool:
        """Record a probe; return whether the flag changed."""
        self._probes.append(good)
        share = sum(a != b for a, b in pairwise(self._probes)) / (_PROBES - 1)
        before = self.flapping
        self.flapping = share > _RISE or (before and share >= _FALL)
        return self.flapping != before

    def clear(self) -> None:
        """Forget the probes."""
        self._probes.clear()
        self.flapping = False

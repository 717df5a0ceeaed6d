"""What experience says about an address: how often it answers and how fast it usually is."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Final

from vidra.connections.interface import ProbeFailure, ProbeResult, Value

WEIGHT: Final = 0.1
"""Share of the newest probe. A lasting change from 50 to 1,400 ms is believed after eight checks."""

SHORTEST_MS: Final = 0.1
"""Below it differences mean nothing, and zero has no logarithm."""


class History(Value):
    """Exponentially weighted means over the probes of one address."""

    success_rate: float = 1.0
    """Between 0 and 1; an address nobody asked yet has not failed."""
    latency_ms: float | None = None
    """Of the probes that counted; None before the first. The mean of logarithms, for latencies have spikes:
    with plain means two of 2 s make an address of 50 ms look 300 ms slow, and the primary flaps."""
    probes: int = 0

    def after(self, result: ProbeResult) -> History:
        """Return the history with one more probe."""
        outcome = 1.0 if result.available else 0.0
        rate = outcome if self.probes == 0 else _mean(self.success_rate, outcome)
        latency = self.latency_ms
        if result.response_ms is not None:
            latency = result.response_ms if latency is None else _geometric(latency, result.response_ms)
        return History(success_rate=rate, latency_ms=latency, probes=self.probes + 1)


def learned(histories: Mapping[str, History], results: Iterable[ProbeResult]) -> dict[str, History]:
    """Return the histories after these probes; addresses that were not asked keep theirs."""
    after = dict(histories)
    for result in results:
        if result.failure is not ProbeFailure.NOT_ASKED:
            uri = result.candidate.uri
            after[uri] = after.get(uri, History()).after(result)
    return after


def _geometric(old: float, new: float) -> float:
    return math.exp(_mean(math.log(max(old, SHORTEST_MS)), math.log(max(new, SHORTEST_MS))))


def _mean(old: float, new: float) -> float:
    return old + WEIGHT * (new - old)

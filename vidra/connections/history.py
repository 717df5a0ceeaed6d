"""What experience says about an address: how often it answers and how fast it usually is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vidra.connections.interface import ProbeFailure, ProbeResult, Value

WEIGHT: Final = 0.1
"""Share of the newest probe: two bad ones in a row move the mean by 19 %, ten by 65 %."""


class History(Value):
    """Exponentially weighted means over the probes of one address."""

    success_rate: float = 1.0
    """Between 0 and 1; an address nobody asked yet has not failed."""
    latency_ms: float | None = None
    """Of the probes that counted; None before the first."""
    probes: int = 0

    def after(self, result: ProbeResult) -> History:
        """Return the history with one more probe."""
        outcome = 1.0 if result.available else 0.0
        rate = outcome if self.probes == 0 else _mean(self.success_rate, outcome)
        latency = self.latency_ms
        if result.response_ms is not None:
            latency = result.response_ms if latency is None else _mean(latency, result.response_ms)
        return History(success_rate=rate, latency_ms=latency, probes=self.probes + 1)


def learned(histories: Mapping[str, History], results: Iterable[ProbeResult]) -> dict[str, History]:
    """Return the histories after these probes; addresses that were not asked keep theirs."""
    after = dict(histories)
    for result in results:
        if result.failure is not ProbeFailure.NOT_ASKED:
            uri = result.candidate.uri
            after[uri] = after.get(uri, History()).after(result)
    return after


def _mean(old: float, new: float) -> float:
    return old + WEIGHT * (new - old)

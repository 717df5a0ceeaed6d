"""The score of an address: lower is better. Class first, then latency in steps of 100 ms.

`0 - 1000 (local) + 500 (relay) + 10000 (unavailable) + whole hundreds of milliseconds`. The base is 0:
the order in which a server lists its addresses only breaks ties, so that class is counted once.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from vidra.connections.history import History
from vidra.connections.interface import Candidate, ConnectionClass, ProbeResult

LOCAL_BONUS: Final = -1000
RELAY_PENALTY: Final = 500
UNAVAILABLE: Final = 10_000
MS_PER_POINT: Final = 100

_CLASS_POINTS: Final = {
    ConnectionClass.LOCAL: LOCAL_BONUS,
    ConnectionClass.REMOTE: 0,
    ConnectionClass.RELAY: RELAY_PENALTY,
}


def score(candidate: Candidate, *, available: bool, response_ms: float | None) -> int:
    """Return the score to show and to sort by; an unavailable address never scores below 10,000."""
    points = _CLASS_POINTS[candidate.connection_class]
    if response_ms is not None:
        points += int(response_ms // MS_PER_POINT)
    return points if available else max(UNAVAILABLE, points + UNAVAILABLE)


def best(
    results: Iterable[ProbeResult], histories: Mapping[str, History] | None = None
) -> ProbeResult | None:
    """Return the available result with the lowest score, or None if nothing is available.

    Equal scores are decided by what was learned: success rate, then usual latency, then listed order.
    """
    known = histories or {}
    available = [result for result in results if result.available]

    def merit(result: ProbeResult) -> tuple[int, float, float]:
        history = known.get(result.candidate.uri, History())
        points = score(result.candidate, available=True, response_ms=result.response_ms)
        return points, -round(history.success_rate, 2), history.latency_ms or result.response_ms or 0.0

    return min(available, key=merit, default=None)

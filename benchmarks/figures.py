"""One measured figure, and how a list of them is printed."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """What was measured, next to a peer measured in the same run, next to what we promised."""

    name: str
    ours: float
    unit: str
    peer: float | None = None
    peer_name: str = ""
    target: float | None = None
    """Upper bound for `ours`, or for `ours / peer` when `target_is_ratio`."""
    target_is_ratio: bool = False

    @property
    def ratio(self) -> float | None:
        """Ours divided by the peer's; None without a peer."""
        return self.ours / self.peer if self.peer else None

    @property
    def met(self) -> bool | None:
        """Whether the target holds; None when there is none."""
        if self.target is None:
            return None
        value = self.ratio if self.target_is_ratio else self.ours
        return value is not None and value <= self.target


def median_seconds(run: Callable[[], object], *, times: int = 5) -> float:
    """Return the median wall time of `times` calls, after one that does not count."""
    run()
    samples = []
    for _ in range(times):
        began = time.perf_counter()
        run()
        samples.append(time.perf_counter() - began)
    return statistics.median(samples)


def show(figures: Iterable[Figure]) -> bool:
    """Print a row per figure; return whether every target was met."""
    good = True
    for figure in figures:
        row = f"{figure.name:<58} {figure.ours:>10.4g} {figure.unit:<6}"
        if figure.peer is not None:
            row += f" | {figure.peer_name} {figure.peer:.4g} | ratio {figure.ratio:.3g}"
        if figure.target is not None:
            bound = "ratio" if figure.target_is_ratio else figure.unit
            row += f" | target <= {figure.target:g} {bound}: {'met' if figure.met else 'MISSED'}"
        print(row, flush=True)
        good = good and figure.met is not False
    return good

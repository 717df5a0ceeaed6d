"""Find a usable connection now: a race of all addresses, and a patient second try by class.

The race ends at the first answer of the best class that can still win, or a short grace after the
first answer of any. If nobody answers, the classes are tried again in order with a longer limit: the
next class starts when the former has failed or has used up its share of the budget, but nobody is
abandoned before the budget ends: an address that swallows packets does not cost the others their turn.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from itertools import groupby

from vidra.connections.history import History
from vidra.connections.interface import Candidate, ProbeFailure, Prober, ProbeResult, Value
from vidra.connections.probing import Limits, probe_once
from vidra.connections.score import best

Pending = dict[asyncio.Task[ProbeResult], Candidate]


class Contest(Value):
    """How the search ended."""

    winner: ProbeResult | None
    results: tuple[ProbeResult, ...]
    """The last known result of every candidate, in their order."""
    arrivals: tuple[str, ...] = ()
    """Addresses in the order in which they gave a result."""


async def connect(
    candidates: Sequence[Candidate],
    probe: Prober,
    *,
    limits: Limits | None = None,
    histories: Mapping[str, History] | None = None,
) -> Contest:
    """Race all addresses, then fall back by class; at most `limits.budget` seconds in all."""
    allowed = limits or Limits()
    loop = asyncio.get_running_loop()
    deadline = loop.time() + allowed.budget
    first = await race(candidates, probe, limits=allowed, histories=histories)
    again = [
        r.candidate for r in first.results if r.failure in {ProbeFailure.TIMEOUT, ProbeFailure.UNREACHABLE}
    ]
    if first.winner is not None or not again:
        return first
    second = await _by_class(again, probe, allowed, deadline, histories)
    newer = {result.candidate.uri: result for result in second.results}
    return Contest(
        winner=second.winner,
        results=tuple(newer.get(result.candidate.uri, result) for result in first.results),
        arrivals=first.arrivals + second.arrivals,
    )


async def race(
    candidates: Sequence[Candidate],
    probe: Prober,
    *,
    limits: Limits | None = None,
    histories: Mapping[str, History] | None = None,
) -> Contest:
    """Probe all at once; the best class that answers up to `limits.grace` after the first answer wins."""
    allowed = limits or Limits()
    loop = asyncio.get_running_loop()
    done: list[ProbeResult] = []
    grace_ends: float | None = None
    async with _started(candidates, probe, allowed.probe) as pending:
        while pending and not _decided(done, pending):
            left = None if grace_ends is None else max(0.0, grace_ends - loop.time())
            arrived = await _next_results(pending, left)
            if not arrived:
                break
            done += arrived
            if grace_ends is None and any(result.available for result in done):
                grace_ends = loop.time() + allowed.grace
    return _contest(candidates, done, histories)


async def _by_class(
    candidates: Sequence[Candidate],
    probe: Prober,
    limits: Limits,
    deadline: float,
    histories: Mapping[str, History] | None,
) -> Contest:
    """Start the classes one after the other, best first, without abandoning those already asked."""
    loop = asyncio.get_running_loop()
    waiting = [list(group) for _, group in groupby(sorted(candidates, key=_rank), key=_rank)]
    done: list[ProbeResult] = []
    async with _started((), probe, limits.patient_probe) as pending:
        while (waiting or pending) and not any(result.available for result in done):
            left = deadline - loop.time()
            if left <= 0:
                break
            share = left / max(1, len(waiting))
            if waiting:
                _start(pending, waiting.pop(0), probe, min(limits.patient_probe, left))
            done += await _until_class_is_over(pending, loop.time() + share)
    return _contest(candidates, done, histories)


async def _until_class_is_over(pending: Pending, deadline: float) -> list[ProbeResult]:
    """Collect results until one is available, nobody is left, or the share of time is used up."""
    loop = asyncio.get_running_loop()
    done: list[ProbeResult] = []
    while pending and not any(result.available for result in done):
        arrived = await _next_results(pending, deadline - loop.time())
        if not arrived:
            break
        done += arrived
    return done


def _rank(candidate: Candidate) -> int:
    return candidate.connection_class.rank


def _decided(done: Sequence[ProbeResult], pending: Pending) -> bool:
    """Whether no outstanding answer could beat those that are in: time only adds to a score."""
    winner = best(done)
    return winner is not None and not any(_rank(c) < _rank(winner.candidate) for c in pending.values())


async def _next_results(pending: Pending, limit: float | None) -> list[ProbeResult]:
    """Wait for at least one result, take it out of `pending`; nothing if the limit passes first."""
    if limit is not None and limit <= 0:
        return []
    finished, _ = await asyncio.wait(pending, timeout=limit, return_when=asyncio.FIRST_COMPLETED)
    order = [task for task in pending if task in finished]
    for task in order:
        del pending[task]
    return [task.result() for task in order]


@asynccontextmanager
async def _started(candidates: Sequence[Candidate], probe: Prober, limit: float) -> AsyncIterator[Pending]:
    """Start the probes; on leaving, end those still under way and wait until they have let go."""
    pending: Pending = {}
    _start(pending, candidates, probe, limit)
    try:
        yield pending
    finally:
        for task in pending:
            task.cancel()
        await asyncio.gather(*pending, return_exceptions=True)


def _start(pending: Pending, candidates: Sequence[Candidate], probe: Prober, limit: float) -> None:
    for candidate in candidates:
        pending[asyncio.create_task(probe_once(candidate, probe, limit))] = candidate


def _contest(
    candidates: Sequence[Candidate], done: Sequence[ProbeResult], histories: Mapping[str, History] | None
) -> Contest:
    found = {result.candidate.uri: result for result in done}
    return Contest(
        winner=best(done, histories),
        results=tuple(
            found.get(c.uri, ProbeResult(candidate=c, failure=ProbeFailure.NOT_ASKED)) for c in candidates
        ),
        arrivals=tuple(result.candidate.uri for result in done),
    )

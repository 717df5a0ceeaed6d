"""Asks for many runs at the same time, and counts what becomes of them."""

from __future__ import annotations

import asyncio
import time
from dataclasses import dataclass

from vidra.engine import runs
from vidra.engine.runs import RunInfo, connected_client
from vidra.errors import EngineError


@dataclass(frozen=True, kw_only=True, slots=True)
class Crowd:
    """What became of many runs that were asked for at once."""

    asked: int
    refused: int
    """Requests that got an error, whatever it said."""
    completed: int
    slots: int
    """Slots that are taken afterwards and were not before; other tests share the server."""
    seconds: float
    """From the first request to the end of the last run."""


async def all_at_once(deployment: str, number: int, *, limit: float) -> Crowd:
    """Ask for the runs at the same time and wait for all of them, at most `limit` seconds."""
    before, began = await _slots_taken(), time.monotonic()
    asking = [runs.trigger(deployment, {}, idempotency_key=f"crowd-{began}-{n}") for n in range(number)]
    told = await asyncio.gather(*asking, return_exceptions=True)
    for answer in told:
        if isinstance(answer, BaseException) and not isinstance(answer, EngineError):
            raise answer
    made = [answer.flow_run_id for answer in told if isinstance(answer, RunInfo)]
    completed = await _completed(made, began + limit)
    return Crowd(
        asked=number,
        refused=number - len(made),
        completed=completed,
        slots=await _slots_left(before),
        seconds=time.monotonic() - began,
    )


async def _completed(made: list[str], deadline: float) -> int:
    waiting, completed = set(made), 0
    while waiting and time.monotonic() < deadline:
        for run_id in list(waiting):
            run = await runs.read(run_id)
            if not run.final:
                break  # they end about in the order in which they were asked for
            waiting.discard(run_id)
            completed += run.state_type == "COMPLETED"
        await asyncio.sleep(0.5)
    return completed


async def _slots_left(before: dict[str, int], *, within: float = 10.0) -> int:
    """Return the slots taken beyond those of `before`; a slot is given back just after its run's end."""
    deadline = time.monotonic() + within
    while True:
        left = sum(max(0, n - before.get(name, 0)) for name, n in (await _slots_taken()).items())
        if not left or time.monotonic() > deadline:
            return left
        await asyncio.sleep(0.5)


async def _slots_taken() -> dict[str, int]:
    """Return how many slots of each limit are taken; those of a rate decay by themselves and do not count."""
    async with connected_client() as client:
        limits = await client.read_global_concurrency_limits(limit=200)
        return {limit.name: limit.active_slots for limit in limits if not limit.slot_decay_per_second}

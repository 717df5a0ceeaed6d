"""One probe with its limits, and a check of all addresses at once."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AbstractAsyncContextManager, nullcontext
from dataclasses import dataclass

from vidra.connections.interface import Candidate, ProbeFailure, Prober, ProbeResult
from vidra.errors import Refused, RemoteError


@dataclass(frozen=True, kw_only=True, slots=True)
class Limits:
    """Time limits in seconds."""

    probe: float = 3.0
    """Of one probe in a race or a check."""
    grace: float = 0.08
    """After the first answer, how long a better class may still win; promised are 0.15 in all."""
    patient_probe: float = 10.0
    """Of one probe in the fallback after a race that nobody won."""
    budget: float = 15.0
    """Of race and fallback together."""


async def probe_once(candidate: Candidate, probe: Prober, limit: float) -> ProbeResult:
    """Return what the probe found; never raises but for cancellation and programming errors."""
    loop = asyncio.get_running_loop()
    began = loop.time()
    try:
        async with asyncio.timeout(limit):
            await probe(candidate.uri, limit)
    except TimeoutError:
        return ProbeResult(
            candidate=candidate, failure=ProbeFailure.TIMEOUT, detail=f"no answer within {limit:g} s"
        )
    except Refused as exc:
        return ProbeResult(candidate=candidate, failure=ProbeFailure.REFUSED, detail=str(exc))
    except RemoteError as exc:
        return ProbeResult(candidate=candidate, failure=ProbeFailure.UNREACHABLE, detail=str(exc))
    return ProbeResult(candidate=candidate, response_ms=(loop.time() - began) * 1000)


async def probe_all(
    candidates: Sequence[Candidate],
    probe: Prober,
    *,
    limits: Limits | None = None,
    slots: asyncio.Semaphore | None = None,
) -> tuple[ProbeResult, ...]:
    """Probe every address and wait for all, in their order; `slots` bounds the probes of a whole round.

    The time limit of a probe starts when it has its slot, so that waiting is not taken for slowness.
    """
    limit = (limits or Limits()).probe

    async def one(candidate: Candidate) -> ProbeResult:
        """Probe when there is a slot."""
        slot: AbstractAsyncContextManager[None] = slots or nullcontext()
        async with slot:
            return await probe_once(candidate, probe, limit)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one(candidate)) for candidate in candidates]
    return tuple(task.result() for task in tasks)

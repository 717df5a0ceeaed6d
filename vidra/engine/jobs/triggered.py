"""One job through the running engine: ask for its run, and wait until the job stands still again."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from enum import StrEnum, unique
from typing import Final

from vidra.engine import runs
from vidra.engine.environment import applied
from vidra.engine.jobs.commands import FLOW, JobCommands
from vidra.engine.jobs.starter import PrefectStarter
from vidra.errors import EngineError, JobNotFound
from vidra.settings import Settings
from vidra.state import State
from vidra.state.interface import TERMINAL, DesiredState, Job, JobStatus

POLL: Final = 0.1
"""Seconds between two looks at the job; it is read from memory and a `stat`."""
STOP_LIMIT: Final = 30.0
"""Seconds a stopped job gets to stand still."""


@unique
class Wish(StrEnum):
    """What a person wants when they interrupt the waiting."""

    STOP = "stop"
    """Stop the job and keep what is there; it can be resumed."""
    DETACH = "detach"
    """Leave the job to the engine."""


def run_through_engine(
    job: Job,
    *,
    environment: Mapping[str, str],
    settings: Settings,
    state: State,
    stop: threading.Event,
    wish: Callable[[], Wish],
    dry_run: bool = False,
    wait: bool = True,
) -> None:
    """Have the engine work on the job; return when it stands still, or at once without `wait`.

    Setting `stop` asks `wish` what to do. How the job ended is in its record. Raises `EngineError`
    when the engine does not play along; the job then stays queued.
    """
    with applied(environment):
        if dry_run:
            asyncio.run(_plan(job, stop))
        else:
            asyncio.run(_work(job, settings, state, stop, wish, wait=wait))


async def _work(
    job: Job, settings: Settings, state: State, stop: threading.Event, wish: Callable[[], Wish], *, wait: bool
) -> None:
    commands = JobCommands(state, PrefectStarter(), settings=settings)
    if job.status is not JobStatus.QUEUED:  # paused, or left alone by a run that died: a new attempt
        fields = {"attempt": job.attempt + 1, "desired": DesiredState.RUN}
        job = state.jobs.transition(job.job_id, JobStatus.QUEUED, allowed_from={job.status}, **fields)
    await commands.start(job)
    while wait and not _stands_still(state, job.job_id):
        if stop.is_set():
            stop.clear()
            if wish() is Wish.DETACH:
                return
            await commands.pause(job.job_id)
            await commands.settled(job.job_id, within=STOP_LIMIT)
            return
        await asyncio.sleep(POLL)


async def _plan(job: Job, stop: threading.Event) -> None:
    parameters = {"request": {"job_id": job.job_id, "dry_run": True}}
    run = await runs.trigger(f"{FLOW}/{FLOW}", parameters, idempotency_key=f"{job.job_id}:plan")
    while not run.final:
        if stop.is_set():
            await runs.cancel(run.flow_run_id)
        await asyncio.sleep(POLL)
        run = await runs.read(run.flow_run_id)
    if run.state_type != "COMPLETED":
        raise EngineError(run.message or f"the run ended {run.state_name}")


def _stands_still(state: State, job_id: str) -> bool:
    try:
        job = state.jobs.get(job_id)
    except JobNotFound:
        return True
    stopped = job.desired is not DesiredState.RUN or job.resume_at is not None
    waits = job.status is JobStatus.STARTING and job.selection_required
    return job.status in TERMINAL or waits or (job.status is JobStatus.PAUSED and stopped)

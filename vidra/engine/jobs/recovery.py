"""Puts jobs back to work whose run has died, at the start and while the engine is up.

A job is the truth, not its flow run: one that says it is being worked on while nobody holds its lock
and its run is over has been left in the lurch, by a kill, a crash or a power cut.
"""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from pathlib import Path
from typing import Final

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine import runs
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.reconcile import reconcile
from vidra.engine.runs import RunInfo
from vidra.engine.worker import owners
from vidra.errors import EngineError, VidraError
from vidra.state import State
from vidra.state.interface import TERMINAL, DesiredState, Job, JobStatus

log = logging.getLogger(__name__)

MOST_CRASHES: Final = 5
"""Runs of one attempt series that may die without a word; then the job fails instead of looping."""

PLAN_KEPT: Final = timedelta(hours=1)
"""How long the plan of a dry run is kept for whoever asked for it."""

ROUND: Final = 5.0
"""Seconds between two looks while the engine is up."""

_CANCELLED: Final = "CANCELLED"
_AT_WORK: Final = frozenset({JobStatus.STARTING, JobStatus.RUNNING, JobStatus.RETRYING})


class Recovery:
    """Looks after jobs that nobody works on any more."""

    def __init__(
        self, state: State, commands: JobCommands, *, home: Path, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        """`home` is the Prefect home, where runs say which process works on them."""
        self._state, self._commands, self._home, self._clock = state, commands, home, clock

    async def sweep(self, *, at_start: bool = False) -> list[str]:
        """Look at every unfinished job once; return the ids of those put back to work.

        `at_start` says that the engine itself had ended: what died with it is not counted as a crash.
        Each job is looked after alone: what fails for one is logged and tried again in the next round.
        """
        for job in self._state.jobs.list(statuses=TERMINAL):
            if job.dry_run and job.created_at < iso(self._clock.now() - PLAN_KEPT):
                self._state.remove_job(job.job_id)  # whoever asked for the plan has not come for it
        revived = []
        for job in self._state.jobs.list(statuses=frozenset(JobStatus) - TERMINAL):
            try:
                if await self._look_after(job, blame=not at_start):
                    revived.append(job.job_id)
            except VidraError as error:
                log.warning("job %s could not be put back to work: %s", job.job_id, error)
        return revived

    async def keep_going(self) -> None:
        """Sweep for ever, until cancelled; what fails in one round is tried again in the next."""
        while True:
            await asyncio.sleep(ROUND)
            try:
                await self.bury()
                await self.sweep()
            except VidraError as error:
                log.warning("looking after runs and jobs: %s", error)

    async def bury(self) -> None:
        """Tell Prefect of runs whose process is gone; costs a look at a folder while there are none.

        A worker tells of its own runs. This is for those that it could not: the server was away, or the
        worker died with them.
        """
        if not owners.left_behind(self._home):
            return
        await reconcile(self._home, only_ours=True)
        for run_id in owners.left_behind(self._home):
            if await _is_over(run_id):
                owners.forget(self._home, run_id)

    async def _look_after(self, job: Job, *, blame: bool) -> bool:
        if job.selection_required or _rests(job) or not self._is_free(job):
            return False
        if job.resume_at is not None and job.desired is DesiredState.RUN and job.resume_at > self._now():
            return False  # put off: a site is left alone until then
        if job.dry_run:
            if job.flow_run_ids and await _run_is_over(job):
                self._state.remove_job(job.job_id)  # its run died before it could forget it
            return False
        if job.desired is not DesiredState.RUN:
            await asyncio.to_thread(self._commands.settle, job.job_id)
            return False
        if job.status is JobStatus.QUEUED and not job.flow_run_ids:
            await self._commands.start(job)  # stored, but whoever stored it died before asking for a run
            return True
        last = await _latest_run(job)
        if last is not None and last.state_type == _CANCELLED:
            await self._let_rest(job)
            return False
        if last is None or last.final or await self._is_dead(job):
            return await self._revive(job, blame=blame)
        return False

    async def _let_rest(self, job: Job) -> None:
        """Pause a job whose run a person cancelled in Prefect: it must not come back by itself."""
        # Whoever pauses or cancels the job itself has written that wish down before the run ends.
        self._state.jobs.transition(
            job.job_id, job.status, allowed_from={job.status}, desired=DesiredState.PAUSE
        )
        await asyncio.to_thread(self._commands.settle, job.job_id)
        log.info("job %s is paused: its run was cancelled", job.job_id)

    async def _is_dead(self, job: Job) -> bool:
        """Whether the process of the job's run is gone without Prefect knowing; then Prefect is told."""
        owner = owners.owner(self._home, job.flow_run_ids[-1])
        if owner is None or owner.alive:
            return False
        dead = await reconcile(self._home, only_ours=True)
        return any(run.flow_run_id == job.flow_run_ids[-1] for run in dead)

    async def _revive(self, job: Job, *, blame: bool) -> bool:
        if blame and job.crashes >= MOST_CRASHES:
            message = f"given up: {job.crashes} runs of this job died without saying why"
            self._state.jobs.transition(
                job.job_id, JobStatus.FAILED, allowed_from={job.status}, error=message,
                finished_at=iso(self._clock.now()),
            )  # fmt: skip
            return False
        again = self._state.jobs.transition(
            job.job_id, JobStatus.QUEUED, allowed_from={job.status}, resume_at=None,
            attempt=job.attempt + 1, crashes=job.crashes + (blame and job.status in _AT_WORK),
        )  # fmt: skip
        await self._commands.start(again)
        why = "was left alone by its run" if job.resume_at is None else "was put off until now"
        log.warning("job %s %s; it goes on in a new one", job.job_id, why)
        return True

    def _now(self) -> str:
        return iso(self._clock.now())

    def _is_free(self, job: Job) -> bool:
        lock = self._state.job_lock(job.job_id, purpose="looking after dead runs")
        if not lock.try_acquire():
            return False
        lock.release()
        return True


def _rests(job: Job) -> bool:
    """Whether the job is paused because a person wants it so, and not because its process had to go."""
    return job.status is JobStatus.PAUSED and (job.desired is DesiredState.PAUSE or not job.flow_run_ids)


async def _run_is_over(job: Job) -> bool:
    last = await _latest_run(job)
    return last is None or last.final


async def _latest_run(job: Job) -> RunInfo | None:
    """Return the job's latest run; None when it has none, or one that Prefect does not know (any more)."""
    return await _known_run(job.flow_run_ids[-1]) if job.flow_run_ids else None


async def _is_over(run_id: str) -> bool:
    run = await _known_run(run_id)
    return run is None or run.final


async def _known_run(run_id: str) -> RunInfo | None:
    try:
        return await runs.read(run_id)
    except EngineError as error:
        if type(error) is EngineError:  # answered, and there is no such run
            return None
        raise

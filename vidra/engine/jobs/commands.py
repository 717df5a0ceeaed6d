"""What a person may tell a job to do: pause, resume, cancel, retry, remove. Knows no Prefect.

The command line and the shim share these. A wish is written into the job first and then enforced:
the flow run is cancelled, and once nobody works on the job any more it is settled as wished.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Protocol

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.jobs.leftovers import discard_partials, forget_secrets
from vidra.errors import JobConflict, JobNotFound, StateBusy
from vidra.redaction import redact_url
from vidra.settings import Settings
from vidra.state import State
from vidra.state.interface import TERMINAL, DesiredState, EntryStatus, Job, JobKind, JobStatus

FLOW: Final = "download-job"
RUNS_KEPT: Final = 20
DELETED: Final = "deleted"
LOCK_WAIT_S: Final = 2.0
"""Seconds to wait for a run that has written its last word and is closing its files."""

_IMMEDIATE: Final = frozenset({JobStatus.PAUSED, JobStatus.FAILED, JobStatus.QUEUED})
_PAUSABLE: Final = frozenset({JobStatus.RUNNING, JobStatus.STARTING, JobStatus.RETRYING})
_RESUMABLE: Final = frozenset({JobStatus.PAUSED, JobStatus.FAILED})
_CANCELLABLE: Final = _PAUSABLE | {JobStatus.PAUSING}
_RETRYABLE: Final = TERMINAL | {JobStatus.PAUSED}
_NOT_OVER: Final = frozenset(JobStatus) - TERMINAL
_POLL_S: Final = 0.1


def label_of(job: Job) -> str:
    """Return what a person recognises the job by: its title, or its first address without secrets."""
    return str(job.metadata.get("title") or redact_url(job.urls[0]))[:200]


class RunStarter(Protocol):
    """What commands need of the engine. Both raise `EngineError` subclasses when it does not play along."""

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        """Ask for a run of the flow; return its id. The same key always means the same run."""
        ...

    async def cancel(self, run_id: str) -> None:
        """Ask the run to stop; harmless for one that is over or unknown."""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class CommandResult:
    """What became of a command; `status` is a job status, or a word of the client contract."""

    job_id: str
    status: str
    reason: str | None = None


class JobCommands:
    """The commands on one job. Each raises `JobNotFound`, and `JobConflict` where the status forbids it."""

    def __init__(
        self, state: State, runs: RunStarter, *, settings: Settings, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self.state, self._runs, self._settings, self._clock = state, runs, settings, clock

    async def start(self, job: Job) -> Job:
        """Ask for the run of a queued job; return the record as it is then.

        Raises `EngineError`; the job then stays queued, and asking again is harmless.
        """
        key = f"{job.job_id}:{job.attempt}"
        request = {"job_id": job.job_id, "label": label_of(job)}
        run_id = await self._runs.trigger(FLOW, {"request": request}, idempotency_key=key)
        return await asyncio.to_thread(self._started, job, run_id)

    async def pause(self, job_id: str) -> CommandResult:
        """Stop the work and keep what is there. No-op for a job that is stopping or has some failures."""
        job, live = await asyncio.to_thread(self._pause, job_id)
        if live:
            await self._stop_runs(job)
        return CommandResult(job_id=job_id, status=job.status)

    async def resume(self, job_id: str) -> CommandResult:
        """Go on with a paused or failed job; one that waited for a selection waits again."""
        job = await asyncio.to_thread(self._requeue, job_id, _RESUMABLE, "resume")
        if not job.selection_required:
            await self.start(job)
        return CommandResult(job_id=job_id, status=JobStatus.RUNNING)

    async def cancel(self, job_id: str) -> CommandResult:
        """End the job; partial files go. One that waits for a selection goes altogether."""
        job, live = await asyncio.to_thread(self._cancel, job_id)
        if job is None:
            return CommandResult(job_id=job_id, status=DELETED, reason=DELETED)
        if live:
            await self._stop_runs(job)
        return CommandResult(job_id=job_id, status=job.status)

    async def retry(self, job_id: str) -> CommandResult:
        """Run the job again; finished outputs stay, and are verified instead of fetched."""
        job, queued_now = await asyncio.to_thread(self._retry, job_id)
        if queued_now:
            await self.start(job)
        return CommandResult(job_id=job_id, status=job.status)

    async def restart(self, job_id: str) -> Job:
        """Queue a terminal job once more with its entries as they are, and ask for the run."""
        job = await asyncio.to_thread(self._requeue, job_id, _RETRYABLE, "retry")
        return await self.start(job)

    async def remove(self, job_id: str) -> CommandResult:
        """Forget a job that is over. Finished files stay, partial ones go. Raises `StateBusy` too."""
        await asyncio.to_thread(self._remove, job_id, TERMINAL)
        return CommandResult(job_id=job_id, status=DELETED, reason=DELETED)

    async def settled(self, job_id: str, *, within: float) -> Job | None:
        """Wait for a pause or cancel to take effect, at most `within` seconds; None if the job is gone."""
        deadline = self._clock.monotonic() + within
        while True:
            job = await asyncio.to_thread(self.settle, job_id)
            unsettled = job is not None and job.status in {JobStatus.PAUSING, JobStatus.CANCELLING}
            if not unsettled or self._clock.monotonic() > deadline:
                return job
            await asyncio.sleep(_POLL_S)

    def settle(self, job_id: str) -> Job | None:
        """Give the job the status its wish asks for, unless somebody still works on it.

        Returns the record as it is then, None if the job is gone. Blocks for a disk write.
        """
        try:
            job = self.state.jobs.get(job_id)
        except JobNotFound:
            return None
        if job.status in TERMINAL or job.desired is DesiredState.RUN:
            return job
        lock = self.state.job_lock(job_id, purpose="settling a command")
        if not lock.try_acquire():
            return job
        try:
            return self._settle_locked(job_id)
        finally:
            lock.release()

    def _settle_locked(self, job_id: str) -> Job | None:
        job = self.state.jobs.get(job_id)
        if job.status in TERMINAL or (job.desired, job.status) == (DesiredState.PAUSE, JobStatus.PAUSED):
            return job
        cancelled = job.desired is DesiredState.CANCEL
        self._release_entries(job_id, EntryStatus.CANCELLED if cancelled else EntryStatus.PENDING)
        status = JobStatus.CANCELLED if cancelled else JobStatus.PAUSED
        job = self._transition(job, status, _NOT_OVER, finished_at=iso(self._clock.now()))
        if not cancelled:
            return job
        discard_partials(job, settings=self._settings, state=self.state)
        if job.kind is JobKind.UNKNOWN and not self.state.entries(job_id).all():
            self._forget(job)  # nothing was ever known about it: the contract keeps no such job
            return None
        return job

    def _release_entries(self, job_id: str, status: EntryStatus) -> None:
        entries = self.state.entries(job_id)
        left = [entry for entry in entries.all() if entry.status is EntryStatus.ACTIVE]
        if left:
            entries.put(entry.model_copy(update={"status": status, "progress": None}) for entry in left)

    def _started(self, job: Job, run_id: str) -> Job:
        try:
            current = self.state.jobs.get(job.job_id)
            runs = tuple(dict.fromkeys((*current.flow_run_ids, run_id)))[-RUNS_KEPT:]
            return self._transition(job, JobStatus.STARTING, {JobStatus.QUEUED}, flow_run_ids=runs)
        except JobConflict:  # the run was quicker than we are
            return self.state.jobs.get(job.job_id)

    def _pause(self, job_id: str) -> tuple[Job, bool]:
        job = self.state.jobs.get(job_id)
        waiting = job.status is JobStatus.QUEUED or (
            job.status is JobStatus.STARTING and job.selection_required
        )
        if waiting:
            now = iso(self._clock.now())
            paused = self._transition(
                job, JobStatus.PAUSED, {job.status}, desired=DesiredState.PAUSE, finished_at=now
            )
            return paused, job.status is JobStatus.QUEUED
        if job.status in _PAUSABLE:
            return self._transition(job, JobStatus.PAUSING, _PAUSABLE, desired=DesiredState.PAUSE), True
        if job.status in TERMINAL - {JobStatus.COMPLETED_WITH_ERRORS}:
            raise JobConflict(job_id, job.status, "pause")
        return job, False

    def _cancel(self, job_id: str) -> tuple[Job | None, bool]:
        """Return the job (None when it was removed) and whether a run may be under way."""
        job = self.state.jobs.get(job_id)
        if job.selection_required and job.status in {JobStatus.STARTING, JobStatus.PAUSED}:
            self._remove(job_id, {job.status})
            return None, False
        if job.status in _IMMEDIATE:
            now = iso(self._clock.now())
            ended = self._transition(
                job, JobStatus.CANCELLED, _IMMEDIATE, desired=DesiredState.CANCEL, finished_at=now
            )
            discard_partials(ended, settings=self._settings, state=self.state)
            return ended, job.status is JobStatus.QUEUED
        if job.status in _CANCELLABLE:
            return self._transition(
                job, JobStatus.CANCELLING, _CANCELLABLE, desired=DesiredState.CANCEL
            ), True
        return job, False

    def _retry(self, job_id: str) -> tuple[Job, bool]:
        """Return the job and whether it was put into the queue just now."""
        job = self.state.jobs.get(job_id)
        if job.status in {JobStatus.RUNNING, JobStatus.QUEUED}:
            return job, False
        if job.status not in _RETRYABLE:
            raise JobConflict(job_id, job.status, "retry")
        self._queue_entries(job)
        return self._requeue(job_id, _RETRYABLE, "retry"), True

    def _queue_entries(self, job: Job) -> None:
        """Put every entry that is not done back to work; all of them when all are done."""
        entries = self.state.entries(job.job_id)
        kept = [entry for entry in entries.all() if entry.status is not EntryStatus.REMOVED]
        again = [entry for entry in kept if entry.status is not EntryStatus.COMPLETED] or kept
        cleared = {"status": EntryStatus.PENDING, "error": None, "error_at": None, "progress": None}
        entries.put(entry.model_copy(update=cleared) for entry in again)

    def _requeue(self, job_id: str, allowed: frozenset[JobStatus], command: str) -> Job:
        job = self.state.jobs.get(job_id)
        if job.status not in allowed:
            raise JobConflict(job_id, job.status, command)
        waits = job.selection_required and job.status is JobStatus.PAUSED
        fields: dict[str, object] = {
            "desired": DesiredState.RUN, "error": None, "finished_at": None, "resume_at": None,
        }  # fmt: skip
        if waits:
            return self._transition(job, JobStatus.STARTING, {job.status}, **fields)
        return self._transition(job, JobStatus.QUEUED, {job.status}, attempt=job.attempt + 1, **fields)

    def _remove(self, job_id: str, allowed: frozenset[JobStatus] | set[JobStatus]) -> None:
        self._check(job_id, allowed, "delete")
        with self._held(job_id):
            job = self._check(job_id, allowed, "delete")
            if job.status is not JobStatus.COMPLETED:
                discard_partials(job, settings=self._settings, state=self.state)
            self._forget(job)

    def _check(self, job_id: str, allowed: frozenset[JobStatus] | set[JobStatus], command: str) -> Job:
        job = self.state.jobs.get(job_id)
        if job.status not in allowed:
            raise JobConflict(job_id, job.status, command)
        return job

    @contextmanager
    def _held(self, job_id: str) -> Iterator[None]:
        """Hold the job's lock, waiting a moment for a run that is about to let go of it."""
        lock = self.state.job_lock(job_id, purpose="forgetting it")
        deadline = time.monotonic() + LOCK_WAIT_S
        while not lock.try_acquire():
            if time.monotonic() > deadline:
                raise StateBusy(Path(job_id), f"the job is held by {lock.holder() or 'another process'}")
            time.sleep(_POLL_S)
        try:
            yield
        finally:
            lock.release()

    def _forget(self, job: Job) -> None:
        forget_secrets(job.job_id, settings=self._settings, state=self.state)
        self.state.remove_job(job.job_id)

    def _transition(
        self, job: Job, status: JobStatus, allowed: frozenset[JobStatus] | set[JobStatus], **fields: object
    ) -> Job:
        return self.state.jobs.transition(job.job_id, status, allowed_from=allowed, **fields)

    async def _stop_runs(self, job: Job) -> None:
        if job.flow_run_ids:
            await self._runs.cancel(job.flow_run_ids[-1])

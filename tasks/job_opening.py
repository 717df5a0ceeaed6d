"""Takes hold of a job for one flow run: nobody else works on it from then on."""

from __future__ import annotations

from tasks.job_work import STARTABLE, JobWork
from tasks.reporting import RunLogger
from tasks.run_settings import run_settings
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.jobs.submission import submit
from vidra.errors import JobConflict, VidraError
from vidra.media.request import DownloadRequest
from vidra.redaction import redact
from vidra.settings import Settings
from vidra.state import FileState, open_configured_state
from vidra.state.interface import TERMINAL, DesiredState, Job, JobStatus


def open_job(request: DownloadRequest, *, run_logger: RunLogger, flow_run_id: str | None) -> JobWork:
    """Take hold of the request's job, storing it first if it is new.

    Raises `JobConflict` if the job is over or somebody else works on it, `JobNotFound`, and what
    `submit` and `resolve_job` raise; a stored job is failed with that error.
    """
    settings = run_settings()
    state = open_configured_state(settings.storage)
    try:
        return _take_hold(request, settings, state, run_logger=run_logger, flow_run_id=flow_run_id)
    except BaseException:
        state.close()
        raise


def _take_hold(
    request: DownloadRequest,
    settings: Settings,
    state: FileState,
    *,
    run_logger: RunLogger,
    flow_run_id: str | None,
) -> JobWork:
    job = (
        state.jobs.get(request.job_id) if request.job_id else submit(request, settings=settings, state=state)
    )
    lock = state.job_lock(job.job_id, purpose=f"flow run {flow_run_id}")
    if not lock.try_acquire():
        raise JobConflict(job.job_id, f"being worked on ({lock.holder()})", "start")
    try:
        job = _started(state, state.jobs.get(job.job_id), flow_run_id)
        return JobWork(
            job, settings=settings, state=state, lock=lock, run_logger=run_logger, flow_run_id=flow_run_id
        )
    except JobConflict:
        lock.release()
        raise
    except VidraError as error:
        state.jobs.transition(
            job.job_id, JobStatus.FAILED, allowed_from=STARTABLE, error=redact(str(error)),
            finished_at=iso(SYSTEM_CLOCK.now()),
        )  # fmt: skip
        lock.release()
        raise


def _started(state: FileState, job: Job, flow_run_id: str | None) -> Job:
    """Return the job marked as begun; what was wished before its lock was ours counts."""
    if job.status in TERMINAL or job.desired is not DesiredState.RUN:
        wish = job.status if job.status in TERMINAL else f"to {job.desired}"
        raise JobConflict(job.job_id, wish, "start")
    runs = tuple(dict.fromkeys((*job.flow_run_ids, *([flow_run_id] if flow_run_id else []))))
    return state.jobs.transition(
        job.job_id,
        JobStatus.STARTING,
        allowed_from=STARTABLE,
        started_at=iso(SYSTEM_CLOCK.now()),
        finished_at=None,
        error=None,
        resume_at=None,
        flow_run_ids=runs[-20:],
    )

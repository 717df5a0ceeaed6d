"""Finds the job a person means, and forgets it safely."""

from __future__ import annotations

from vidra.errors import JobConflict, JobNotFound, UsageError
from vidra.state import State
from vidra.state.interface import TERMINAL, Job

_SHOWN = 5


def find_job(state: State, text: str) -> Job:
    """Return the job with this id, or the only one whose id begins so.

    Raises `JobNotFound`, and `UsageError` naming the candidates when there are several.
    """
    try:
        return state.jobs.get(text)
    except JobNotFound:
        found = [job for job in state.jobs.list() if text and job.job_id.startswith(text)]
    if not found:
        raise JobNotFound(text)
    if len(found) > 1:
        candidates = ", ".join(f"`{job.job_id}`" for job in found[:_SHOWN])
        more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
        raise UsageError(f"job `{text}` could be {candidates}{more}; type more of the id")
    return found[0]


def forget_job(state: State, job_id: str, *, force: bool = False) -> None:
    """Remove the job's records; its downloaded files stay.

    Raises `JobConflict` for a job that is not finished (unless `force`), and `StateBusy` while
    anything holds the job's lock. The status is read again under that lock.
    """
    with state.job_lock(job_id, purpose="forgetting it"):
        status = state.jobs.get(job_id).status
        if status not in TERMINAL and not force:
            raise JobConflict(job_id, status.value, "forget")
        state.remove_job(job_id)

"""Why a job's record changed, in the contract's words for `update.reason` (section 3.2)."""

from __future__ import annotations

from typing import Final

from vidra.state.interface import TERMINAL, Job, JobKind, JobStatus

INITIAL: Final = "initial_sync"
CREATED: Final = "created"
UPDATED: Final = "updated"
PREVIEW_READY: Final = "preview_ready"
DELETED: Final = "deleted"

_BY_STATUS: Final = {
    JobStatus.STARTING: "started",
    JobStatus.RUNNING: UPDATED,
    JobStatus.RETRYING: "retry",
    JobStatus.PAUSING: "pausing",
    JobStatus.PAUSED: "paused",
    JobStatus.CANCELLING: "cancelling",
    JobStatus.CANCELLED: "cancelled",
    JobStatus.FAILED: "failed",
    JobStatus.COMPLETED: "completed",
    JobStatus.COMPLETED_WITH_ERRORS: "completed_with_errors",
}


def reason_of(before: Job | None, after: Job) -> str:
    """Return the reason for the change from `before` (None: not seen before) to `after`."""
    if before is None:
        return CREATED if after.status in {JobStatus.QUEUED, JobStatus.STARTING} else UPDATED
    if became_known(before, after):
        return PREVIEW_READY
    if before.status is after.status:
        return UPDATED
    if after.status is JobStatus.QUEUED:
        return _requeued(before)
    return _BY_STATUS.get(after.status, UPDATED)


def became_known(before: Job | None, after: Job) -> bool:
    """Whether this change says what the job's content is."""
    return before is not None and before.kind is JobKind.UNKNOWN and after.kind is not JobKind.UNKNOWN


def _requeued(before: Job) -> str:
    if before.status is JobStatus.PAUSED:
        return "resumed"
    return "retry" if before.status in TERMINAL else UPDATED

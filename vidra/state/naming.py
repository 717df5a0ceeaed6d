"""What may name a job, given that its id becomes part of file names."""

from __future__ import annotations

import re

from vidra.errors import UsageError

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def checked_job_id(job_id: str) -> str:
    """Return the id; raise `UsageError` unless it can be part of a file name as it stands."""
    if not _JOB_ID.fullmatch(job_id):
        raise UsageError(
            f"job id {job_id!r}: expected 1 to 128 letters, digits, `-` or `_`, the first no `-` or `_`"
        )
    return job_id

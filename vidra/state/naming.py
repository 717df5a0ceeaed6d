"""What may name a job, given that its id becomes part of file names."""

from __future__ import annotations

import re

from vidra.errors import UsageError

_JOB_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,127}")


def is_job_id(text: str) -> bool:
    """Return whether the text can name a job, and so be part of a file name as it stands."""
    return _JOB_ID.fullmatch(text) is not None


def checked_job_id(job_id: str) -> str:
    """Return the id; raise `UsageError` unless `is_job_id`."""
    if not is_job_id(job_id):
        raise UsageError(
            f"job id {job_id!r}: expected 1 to 128 letters, digits, `-` or `_`, the first no `-` or `_`"
        )
    return job_id

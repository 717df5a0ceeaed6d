"""The summary over all jobs (contract, section 2.4)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidra.state.interface import ACTIVE, JobStatus


def summary_of(counts: Mapping[JobStatus, int]) -> dict[str, Any]:
    """Return the summary of so many jobs of each status."""
    return {
        "total": sum(counts.values()),
        "active": sum(count for status, count in counts.items() if status in ACTIVE),
        "queued": counts.get(JobStatus.QUEUED, 0),
        "status_counts": {status.value: count for status, count in sorted(counts.items()) if count},
    }

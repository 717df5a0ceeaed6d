"""Second idea: what Vidra knows is in records that survive anything, and every change can be followed."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from vidra.clock import iso
from vidra.errors import JobConflict
from vidra.state import ChangeKind, open_state
from vidra.state.interface import Job, JobStatus

JOB = Job(
    job_id="first", urls=("https://example.org/talk",), created_at=iso(datetime(2026, 11, 21, tzinfo=UTC))
)


def test_a_job_is_there_when_the_state_is_opened_again(tmp_path: Path) -> None:
    """Acknowledged means on the disk."""
    with open_state(tmp_path) as state:
        state.jobs.add(JOB)

    with open_state(tmp_path) as state:
        assert state.jobs.get("first") == JOB


def test_a_status_changes_only_from_where_it_may(tmp_path: Path) -> None:
    """Two processes that both want to start a job cannot both succeed."""
    with open_state(tmp_path) as state:
        state.jobs.add(JOB)
        state.jobs.transition("first", JobStatus.STARTING, allowed_from={JobStatus.QUEUED})

        with pytest.raises(JobConflict, match="starting"):
            state.jobs.transition("first", JobStatus.STARTING, allowed_from={JobStatus.QUEUED})


def test_changes_can_be_followed_from_any_point(tmp_path: Path) -> None:
    """The journal is the feed: clients come back with the cursor they had."""
    with open_state(tmp_path) as state:
        state.jobs.add(JOB)
        feed = state.feed("first")
        seen = feed.now()
        state.jobs.update("first", error="none so far")

        (change,) = feed.since(seen).changes

    assert change.kind is ChangeKind.JOB
    assert change.job is not None
    assert change.job.error == "none so far"

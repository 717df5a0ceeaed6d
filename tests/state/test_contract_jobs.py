"""What every job store promises."""

from __future__ import annotations

import pytest

from tests.state.builders import a_job, an_entry
from vidra.errors import JobConflict, JobNotFound, UsageError
from vidra.state import State
from vidra.state.interface import Job, JobProgress, JobStatus


def test_a_job_comes_back_as_it_was_stored(state: State) -> None:
    """Every field survives, nested metadata included."""
    job = a_job(metadata={"title": "Ünïcode", "tags": ["a", {"b": 1.5}]}, attempt=3, error="late")
    assert state.jobs.add(job) == job
    assert state.jobs.get(job.job_id) == job


def test_an_id_is_taken_once(state: State) -> None:
    """A second job with the id is refused and the first one stays."""
    state.jobs.add(a_job(creator="first"))
    with pytest.raises(ValueError, match="job-1"):
        state.jobs.add(a_job(creator="second"))
    assert state.jobs.get("job-1").creator == "first"


@pytest.mark.parametrize("job_id", ["", "../up", "a/b", "a\\b", ".", "a b", "a\0", "-x", "x" * 129, "é"])
def test_an_id_that_could_leave_its_folder_is_refused(state: State, job_id: str) -> None:
    """Ids become file names, so only plain ones are taken, by every store."""
    with pytest.raises(UsageError, match="job id"):
        state.jobs.add(a_job(job_id))
    with pytest.raises(UsageError, match="job id"):
        state.options.save(job_id, {"a": 1})
    with pytest.raises(UsageError, match="job id"):
        state.logs.tail(job_id)
    with pytest.raises(UsageError, match="job id"):
        state.entries(job_id)
    with pytest.raises(UsageError, match="job id"):
        state.job_lock(job_id)


def test_an_unknown_job_is_named_in_the_error(state: State) -> None:
    """Get, update, transition, progress and remove agree on it."""
    for call in (
        lambda: state.jobs.get("nobody"),
        lambda: state.jobs.update("nobody", error="x"),
        lambda: state.jobs.transition("nobody", JobStatus.RUNNING, allowed_from=set(JobStatus)),
        lambda: state.jobs.set_progress("nobody", JobProgress(percent=1)),
        lambda: state.jobs.remove("nobody"),
    ):
        with pytest.raises(JobNotFound, match="nobody"):
            call()
    assert state.jobs.progress("nobody") is None


def test_jobs_are_listed_oldest_first(state: State) -> None:
    """By creation time, not by the order in which they were stored."""
    for job_id, second in (("b", 2), ("a", 1), ("c", 3)):
        state.jobs.add(a_job(job_id, created_at=f"2026-11-20T00:00:0{second}.000000Z"))
    assert [job.job_id for job in state.jobs.list()] == ["a", "b", "c"]


def test_lists_are_filtered_by_status_and_creator(state: State) -> None:
    """Both filters together mean both."""
    state.jobs.add(a_job("a", creator="ann"))
    state.jobs.add(a_job("b", creator="bob"))
    state.jobs.add(a_job("c", creator="ann", status=JobStatus.FAILED))
    assert [job.job_id for job in state.jobs.list(creator="ann")] == ["a", "c"]
    assert [job.job_id for job in state.jobs.list(statuses={JobStatus.FAILED})] == ["c"]
    assert not state.jobs.list(statuses={JobStatus.FAILED}, creator="bob")


def test_an_update_replaces_fields_and_nothing_else(state: State) -> None:
    """The new record is returned and stored; None takes a value away."""
    before = state.jobs.add(a_job(error="old", creator="ann"))
    after = state.jobs.update("job-1", error=None, urls=["https://media.test/2"])
    assert after == before.model_copy(update={"error": None, "urls": ("https://media.test/2",)})
    assert state.jobs.get("job-1") == after


@pytest.mark.parametrize("fields", [{"no_such_field": 1}, {"attempt": "many"}, {"job_id": "other"}])
def test_an_update_that_makes_no_sense_changes_nothing(state: State, fields: dict[str, object]) -> None:
    """Unknown fields, wrong types and a new id are refused."""
    before = state.jobs.add(a_job())
    with pytest.raises(ValueError, match=r"no_such_field|attempt|id"):
        state.jobs.update("job-1", **fields)
    assert state.jobs.list() == [before]


def test_a_transition_is_compare_and_set(state: State) -> None:
    """It happens from an allowed status only, and says what stood in the way."""
    state.jobs.add(a_job())
    moved = state.jobs.transition(
        "job-1", JobStatus.RUNNING, allowed_from={JobStatus.QUEUED}, started_at="now"
    )
    assert (moved.status, moved.started_at) == (JobStatus.RUNNING, "now")
    with pytest.raises(JobConflict, match="running"):
        state.jobs.transition("job-1", JobStatus.STARTING, allowed_from={JobStatus.QUEUED})
    assert state.jobs.get("job-1") == moved


def test_progress_is_the_latest_set(state: State) -> None:
    """It is apart from the job record and goes with it."""
    job = state.jobs.add(a_job())
    assert state.jobs.progress("job-1") is None
    state.jobs.set_progress("job-1", JobProgress(percent=1.0))
    state.jobs.set_progress("job-1", JobProgress(percent=2.5, stage="downloading"))
    assert state.jobs.progress("job-1") == JobProgress(percent=2.5, stage="downloading")
    assert state.jobs.get("job-1") == job
    state.jobs.remove("job-1")
    state.jobs.add(job)
    assert state.jobs.progress("job-1") is None


def test_a_record_cannot_be_changed_through_what_was_returned(state: State) -> None:
    """What callers hold is theirs; the store keeps its own."""
    state.jobs.add(a_job(metadata={"tags": ["a"]}))
    held = state.jobs.get("job-1")
    held.metadata["tags"].append("b")
    assert state.jobs.get("job-1").metadata == {"tags": ["a"]}


def test_removing_a_job_takes_everything_with_it(state: State) -> None:
    """Entries, options and log lines go; a job of the same id starts empty."""
    job = state.jobs.add(a_job())
    other = state.jobs.add(a_job("job-2"))
    state.entries("job-1").put([an_entry(1)])
    state.options.save("job-1", {"format": "best"})
    state.remove_job("job-1")
    assert state.jobs.list() == [other]
    state.jobs.add(job)
    assert not state.entries("job-1").all()
    assert state.options.load("job-1") == (None, {})
    with pytest.raises(JobNotFound):
        state.remove_job("nobody")


def test_the_status_survives_as_an_enum(state: State) -> None:
    """What comes back compares by identity, as code does that matches on it."""
    state.jobs.add(a_job(status=JobStatus.PAUSED))
    found: Job = state.jobs.get("job-1")
    assert found.status is JobStatus.PAUSED

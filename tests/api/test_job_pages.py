"""The list of jobs is followed, not read anew: it is never behind, whoever changes a job, and how."""

from __future__ import annotations

from typing import Any

from tests.api.filling import add_job
from tests.api.serving import Shim
from vidra.api.job_pages import JobPages
from vidra.state import open_state
from vidra.state.interface import JobProgress, JobStatus
from vidra.state.upkeep import compact_all


def listed(served: Shim) -> dict[str, Any]:
    """Return the listed jobs by id."""
    with served.client() as client:
        return {job["job_id"]: job for job in client.get("/api/jobs").json()["jobs"]}


def pages_of(served: Shim) -> JobPages:
    """Return pages of our own, over the same state."""
    return JobPages(served.state, served.server._app.state.services.view)


def test_a_list_shows_what_another_process_has_just_written(served: Shim) -> None:
    """Added, changed, told of and removed between two requests, through a state of its own."""
    add_job(served.state, "job1", status=JobStatus.COMPLETED)
    assert list(listed(served)) == ["job1"]
    with open_state(served.settings.storage.data_dir) as other:
        add_job(other, "job2", status=JobStatus.RUNNING)
        other.jobs.update("job1", error="late")
        other.jobs.set_progress("job2", JobProgress(percent=12.5, stage="downloading"))
        found = listed(served)
        assert (found["job1"]["error"], found["job2"]["progress"]["percent"]) == ("late", 12.5)
        other.remove_job("job1")

    assert list(listed(served)) == ["job2"]


def test_a_list_outlives_compactions(served: Shim) -> None:
    """Behind two of them the history does not reach back: everything is read anew."""
    add_job(served.state, "job1", status=JobStatus.COMPLETED)
    assert list(listed(served)) == ["job1"]
    for number in range(2):
        add_job(served.state, f"more{number}", status=JobStatus.COMPLETED)
        list(compact_all(served.settings.storage.data_dir))
    served.state.jobs.update("job1", error="after")

    found = listed(served)
    assert (len(found), found["job1"]["error"]) == (3, "after")


def test_a_list_without_news_reads_no_record(served: Shim) -> None:
    """Asked again, the same records and pages come back: parsing a thousand is what a list costs most."""
    add_job(served.state, "job1", status=JobStatus.COMPLETED)
    pages = pages_of(served)
    first, text = pages.jobs(), pages.pages(pages.jobs())

    assert pages.jobs() is first
    assert pages.pages(first)[0] is text[0]
    served.state.jobs.update("job1", error="news")
    assert pages.jobs()[0].error == "news"
    assert pages.pages(pages.jobs())[0] is not text[0]


def test_counts_follow_every_status(served: Shim) -> None:
    """Of jobs that were added, moved on and removed."""
    pages = pages_of(served)
    assert dict(pages.counts()) == {}
    add_job(served.state, "job1")
    add_job(served.state, "job2")
    served.state.jobs.update("job2", status=JobStatus.COMPLETED)
    assert dict(pages.counts()) == {JobStatus.RUNNING: 1, JobStatus.COMPLETED: 1}
    served.state.remove_job("job1")

    assert dict(pages.counts()) == {JobStatus.COMPLETED: 1}

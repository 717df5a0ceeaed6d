"""The download-job flow on real input: what arrives, what is recorded, what a failure does."""

from __future__ import annotations

import threading

import pytest

from tests.engine.polling import wait_until
from tests.flows.workshop import Workshop, ask_prefect, flow_run
from vidra.engine.interface import RunStatus
from vidra.state.interface import DesiredState, EntryStatus, JobKind, JobStatus

pytestmark = pytest.mark.slow


def test_a_video_arrives_verified_and_is_remembered(workshop: Workshop) -> None:
    """The file is in the library, the job names it, the archive knows it, nothing unfinished is left."""
    job, outcome = workshop.download(workshop.site.url("/v/vid001.html"))

    assert outcome.status is RunStatus.COMPLETED
    assert (job.status, job.kind, job.error) == (JobStatus.COMPLETED, JobKind.VIDEO, None)
    assert workshop.shelf() == ["Test clip 1 [vid001].mp4"]
    assert job.main_file == str(workshop.root / "library" / "Test clip 1 [vid001].mp4")
    assert workshop.parts() == []
    with workshop.state() as state:
        assert workshop.entries(job)[0].key in state.archive


def test_a_list_is_downloaded_entry_by_entry(workshop: Workshop) -> None:
    """Each entry has its own record with file, size and status; the job is a playlist with a title."""
    job, outcome = workshop.download(workshop.site.url("/feed.rss"))

    assert outcome.status is RunStatus.COMPLETED
    assert (job.kind, job.total_items, job.metadata["title"]) == (JobKind.PLAYLIST, 4, "Local channel")
    assert [entry.status for entry in workshop.entries(job)] == [EntryStatus.COMPLETED] * 4
    assert len(workshop.shelf()) == 4
    assert all(entry.size for entry in workshop.entries(job))


def test_a_template_can_name_the_list(workshop: Workshop) -> None:
    """`%(playlist_title)s` is known to every entry, as people sort channels into folders by it."""
    workshop.download(workshop.site.url("/pages/feed-2.rss"), output="%(playlist_title)s/%(id)s.%(ext)s")

    assert workshop.shelf() == ["Local channel/vid001.mp4", "Local channel/vid002.mp4"]


def test_one_bad_entry_fails_alone(workshop: Workshop) -> None:
    """The others arrive, the job is `completed_with_errors`, and the entry says why."""
    job, outcome = workshop.download(workshop.site.url("/odd/feed-one-bad.rss"))

    failed = [entry for entry in workshop.entries(job) if entry.status is EntryStatus.FAILED]
    assert outcome.status is RunStatus.COMPLETED
    assert (job.status, job.error) == (JobStatus.COMPLETED_WITH_ERRORS, "1 of 4 entries failed")
    assert len(failed) == 1
    assert "404" in str(failed[0].error)
    assert len(workshop.shelf()) == 3


def test_a_job_of_which_nothing_arrives_has_failed(workshop: Workshop) -> None:
    """Never `completed_with_errors` with nothing there; the job's error is the entry's."""
    job, outcome = workshop.download(workshop.faulty("s404x*"))

    assert outcome.status is RunStatus.FAILED
    assert job.status is JobStatus.FAILED
    assert "404" in str(job.error)
    assert workshop.shelf() == []


def test_passing_trouble_is_tried_again_by_prefect(workshop: Workshop) -> None:
    """A 503 on the file costs a retry of the task, visible in Prefect, and the file arrives."""
    job, outcome = workshop.download(workshop.faulty("s503x1"))

    runs = ask_prefect("/task_runs/filter", {"flow_runs": {"id": {"any_": [outcome.flow_run_id]}}})
    downloads = [run for run in runs if run["name"].startswith("download")]
    assert job.status is JobStatus.COMPLETED
    assert [run["run_count"] for run in downloads] == [2]


def test_what_is_missing_is_asked_for_once(workshop: Workshop) -> None:
    """A 404 is an answer; asking again would only annoy the site."""
    workshop.download(workshop.faulty("s404x*"))

    asked = [r for r in workshop.site.requests(f"tag{workshop.tag}") if r.path.startswith("/f/")]
    assert len(asked) == 1


def test_retry_after_is_waited_out(workshop: Workshop) -> None:
    """The second request for the file comes no earlier than the site asked for."""
    job, _ = workshop.download(workshop.faulty("s429x1,ra2"))

    asked = [r for r in workshop.site.requests(f"tag{workshop.tag}") if r.path.startswith("/f/")]
    assert job.status is JobStatus.COMPLETED
    assert asked[1].at - asked[0].at >= 2.0


def test_a_longer_retry_after_than_the_cap_puts_the_job_off(workshop: Workshop) -> None:
    """Nobody waits an hour inside a task; the job says until when it waits, and has not failed."""
    job, outcome = workshop.download(workshop.faulty("s429x*,ra3600"))

    asked = [r for r in workshop.site.requests(f"tag{workshop.tag}") if r.path.startswith("/f/")]
    assert outcome.status is RunStatus.COMPLETED
    assert (job.status, job.desired) == (JobStatus.PAUSED, DesiredState.RUN)
    assert job.resume_at is not None
    assert [entry.status for entry in workshop.entries(job)] == [EntryStatus.PENDING]
    assert len(asked) == 1


def test_an_interrupted_job_is_paused_and_goes_on_where_it_stopped(workshop: Workshop) -> None:
    """The part is kept, the next run asks for the rest only, and the file is whole."""
    url = workshop.faulty("rate150000,etag1")
    job = workshop.submit(url)
    stop = threading.Event()

    def stop_half_way() -> None:
        wait_until(lambda: any(part.stat().st_size > 50_000 for part in workshop.parts()), 60)
        stop.set()

    watcher = threading.Thread(target=stop_half_way)
    watcher.start()
    first = workshop.run(job, stop=stop)
    watcher.join()

    assert first.status is RunStatus.CANCELLED
    assert workshop.job(job.job_id).status is JobStatus.PAUSED
    assert len(workshop.parts()) == 1
    assert workshop.entries(job)[0].status is EntryStatus.PENDING

    second = workshop.run(job)

    ranges = [
        r.headers.get("range")
        for r in workshop.site.requests(f"tag{workshop.tag}")
        if r.path.startswith("/f/")
    ]
    assert second.status is RunStatus.COMPLETED
    assert any(asked and not asked.startswith("bytes=0-") for asked in ranges)
    assert workshop.job(job.job_id).status is JobStatus.COMPLETED


def test_a_dry_run_leaves_nothing_but_its_plan(workshop: Workshop) -> None:
    """No file, no job; the plan is an artifact in Prefect."""
    outcome = workshop.run_request({"urls": [workshop.site.url("/feed.rss")], "dry_run": True})

    wanted = {"artifacts": {"flow_run_id": {"any_": [outcome.flow_run_id]}}}
    found = ask_prefect("/artifacts/filter", wanted)
    assert outcome.status is RunStatus.COMPLETED
    assert workshop.shelf() == []
    assert "Test clip 4" in found[0]["data"]
    with workshop.state() as state:
        assert list(state.jobs.list()) == []


def test_the_result_is_a_table_in_prefect_and_the_run_has_a_name(workshop: Workshop) -> None:
    """A person sees in the UI what was downloaded, and which run it was."""
    job = workshop.submit(workshop.site.url("/odd/feed-one-bad.rss"))
    outcome = workshop.run(job, label="One entry is broken")

    found = ask_prefect("/artifacts/filter", {"artifacts": {"key": {"any_": [f"downloads-{job.job_id}"]}}})
    assert "Test clip 3" in found[0]["data"]
    assert "404" in found[0]["data"]
    assert flow_run(outcome).name == "download One entry is broken"


def test_yt_dlps_lines_are_in_the_runs_log(workshop: Workshop) -> None:
    """Whoever looks at the run in Prefect sees what happened, and to which entry."""
    _, outcome = workshop.download(workshop.site.url("/v/vid001.html"))

    lines = ask_prefect("/logs/filter", {"logs": {"flow_run_id": {"any_": [outcome.flow_run_id]}}})
    assert any("[1] [download]" in line["message"] for line in lines)


def test_a_job_somebody_works_on_is_left_alone(workshop: Workshop) -> None:
    """The lock of the first run keeps the second away; the job's record is not touched."""
    job = workshop.submit(workshop.site.url("/v/vid001.html"))
    with workshop.state() as state, state.job_lock(job.job_id, purpose="first"):
        outcome = workshop.run(job)

    assert outcome.status is RunStatus.FAILED
    assert "being worked on" in str(outcome.error)
    assert workshop.job(job.job_id).status is JobStatus.QUEUED


def test_a_finished_job_is_not_worked_on_again(workshop: Workshop) -> None:
    """A second run of the same job finds it over."""
    job, _ = workshop.download(workshop.site.url("/v/vid001.html"))

    outcome = workshop.run(job)

    assert outcome.status is RunStatus.FAILED
    assert workshop.job(job.job_id).status is JobStatus.COMPLETED


def test_an_option_the_owner_closed_meanwhile_fails_the_job(workshop: Workshop) -> None:
    """Options are checked again when the run starts, and the job says which one."""
    workshop.write_config().write_text(
        workshop.write_config()
        .read_text(encoding="utf-8")
        .replace("  retries: 2", "  retries: 2\n  allow_options: [proxy]"),
        encoding="utf-8",
    )
    job = workshop.submit(workshop.site.url("/v/vid001.html"), options={"proxy": "http://127.0.0.1:9"})
    workshop.write_config()

    outcome = workshop.run(job)

    assert outcome.status is RunStatus.FAILED
    assert "proxy" in str(workshop.job(job.job_id).error)


def test_archived_entries_are_left_out_when_asked(workshop: Workshop) -> None:
    """`skip_archived` downloads what is new and nothing else."""
    workshop.download(workshop.site.url("/pages/feed-2.rss"))
    before = workshop.shelf()

    job, _ = workshop.download(workshop.site.url("/pages/feed-2.rss"), skip_archived=True)

    assert job.status is JobStatus.COMPLETED
    assert [entry.status for entry in workshop.entries(job)] == [EntryStatus.PENDING] * 2
    assert workshop.shelf() == before


def test_a_list_waits_for_a_selection_without_a_run(workshop: Workshop) -> None:
    """The first run ends with the list stored; the one after the choice downloads what was chosen."""
    job = workshop.submit(workshop.site.url("/feed.rss"))
    with workshop.state() as state:
        state.jobs.update(job.job_id, asks_selection=True)
    listed = workshop.run(job)
    waiting = workshop.job(job.job_id)
    with workshop.state() as state:
        state.jobs.update(job.job_id, selection="1,3", selection_required=False)
    workshop.run(job)

    assert listed.status is RunStatus.COMPLETED
    assert (waiting.status, waiting.selection_required) == (JobStatus.STARTING, True)
    assert workshop.job(job.job_id).status is JobStatus.COMPLETED
    assert workshop.shelf() == ["Test clip 2： “Ü & ＜b＞” [vid002].mp4", "Test clip 4 [vid004].mp4"]


def test_places_chosen_beforehand_are_all_that_is_downloaded(workshop: Workshop) -> None:
    """A range may be wider than the list; places that do not exist fail the job and say what does."""
    wide, wrong = (workshop.submit(workshop.site.url("/feed.rss")) for _ in range(2))
    with workshop.state() as state:
        state.jobs.update(wide.job_id, selection="1,3-9")
        state.jobs.update(wrong.job_id, selection="9")
    workshop.run(wrong)
    assert (workshop.job(wrong.job_id).status, workshop.shelf()) == (JobStatus.FAILED, [])
    assert "expected 1 to 4" in (workshop.job(wrong.job_id).error or "")
    workshop.run(wide)
    assert len(workshop.shelf()) == 3


def test_a_job_that_is_to_be_cancelled_is_not_begun(workshop: Workshop) -> None:
    """A wish that came before the run got the lock counts."""
    job = workshop.submit(workshop.site.url("/v/vid001.html"))
    with workshop.state() as state:
        state.jobs.update(job.job_id, desired=DesiredState.CANCEL)

    outcome = workshop.run(job)

    assert outcome.status is RunStatus.FAILED
    assert workshop.shelf() == []


def test_enough_failures_end_a_list_when_asked(workshop: Workshop) -> None:
    """`abort_on_error`: after the first failed entry no further one is begun."""
    url = workshop.site.url(f"/files/12/s404x*,tag{workshop.tag}/vid001.mp4.rss")
    job, _ = workshop.download(url, options={"abort_on_error": True})

    failed = [entry for entry in workshop.entries(job) if entry.status is EntryStatus.FAILED]
    assert job.status is JobStatus.FAILED
    assert 1 <= len(failed) <= 4  # those that were under way at the same time


def test_the_flow_makes_its_own_record_when_started_from_the_prefect_ui(workshop: Workshop) -> None:
    """A form with nothing but an address is enough."""
    outcome = workshop.run_request({"urls": [workshop.site.url("/v/vid003.html")]})

    with workshop.state() as state:
        (job,) = state.jobs.list()
    assert outcome.status is RunStatus.COMPLETED
    assert job.flow_run_ids == (outcome.flow_run_id,)
    assert workshop.shelf() == ["Test clip 3 [vid003].mp4"]

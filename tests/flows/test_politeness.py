"""What a site's refusals do to jobs: waited out, put off, and told; never failed for them alone."""

from __future__ import annotations

from itertools import pairwise

import pytest

from tests.flows.workshop import Workshop
from vidra.engine.interface import RunStatus
from vidra.engine.politeness.breakers import paused_sites, resume_site
from vidra.settings import load_settings
from vidra.state.interface import EntryStatus, JobStatus

pytestmark = pytest.mark.slow

PATIENT = "limits: {refusals: 2, pause: 0.5}\n"
STRICT = "limits: {refusals: 1, pause: 3000}\n"


def _asked(workshop: Workshop, mark: str = "/f/") -> int:
    seen = workshop.site.requests(f"tag{workshop.tag}")
    return len([request for request in seen if request.path.startswith(mark)])


def test_refusals_are_waited_out_and_the_file_arrives(workshop: Workshop) -> None:
    """Four refusals are more than `retries` allows; the pauses between them do not count as tries."""
    workshop.write_config(PATIENT)
    job, outcome = workshop.download(workshop.faulty("s429x4"))

    assert outcome.status is RunStatus.COMPLETED
    assert job.status is JobStatus.COMPLETED
    assert _asked(workshop) == 5
    assert paused_sites(load_settings()) == []


def test_a_file_that_is_always_refused_fails_in_the_end(workshop: Workshop) -> None:
    """One such file must not keep its site closed for everybody."""
    workshop.write_config("limits: {refusals: 2, pause: 0.2, longest_pause: 0.2}\n")
    job, _ = workshop.download(workshop.faulty("s429x*"))

    assert job.status is JobStatus.FAILED
    assert "429" in str(job.error)


def test_a_site_that_is_left_alone_is_not_asked_by_other_jobs(workshop: Workshop) -> None:
    """They are put off before a single request; a word of the owner's lets them go on."""
    workshop.write_config(STRICT)
    first, _ = workshop.download(workshop.faulty("s429x1"))
    second = workshop.submit(workshop.faulty("etag1"))
    workshop.run(second)
    put_off = workshop.job(second.job_id)

    assert (first.status, put_off.status) == (JobStatus.PAUSED, JobStatus.PAUSED)
    assert "is left alone until" in str(put_off.error)
    assert _asked(workshop, "/p/etag1") == 0
    assert any("is left alone until" in line.message for line in workshop.log(first))

    assert resume_site(load_settings(), "127.0.0.1")
    workshop.run(first)
    workshop.run(second)
    assert workshop.job(first.job_id).status is JobStatus.COMPLETED
    assert workshop.job(second.job_id).status is JobStatus.COMPLETED


def test_a_page_that_wants_to_see_a_human_is_a_refusal(workshop: Workshop) -> None:
    """A bot wall in front of the list: the job waits, it has not failed."""
    workshop.write_config(STRICT)
    job, _ = workshop.download(workshop.site.url(f"/f/botx1,tag{workshop.tag}/v/vid001.html"))

    (site,) = paused_sites(load_settings())
    assert (job.status, job.resume_at) == (JobStatus.PAUSED, site.until)
    assert "anti-bot" in site.reason
    assert workshop.entries(job) == []


def test_entries_of_a_list_wait_together(workshop: Workshop) -> None:
    """The first refusal spares the site the others; nothing of the list has failed."""
    workshop.write_config(STRICT)
    url = workshop.site.url(f"/files/12/s429x*,tag{workshop.tag}/vid001.mp4.rss")
    job, _ = workshop.download(url)

    assert job.status is JobStatus.PAUSED
    assert {entry.status for entry in workshop.entries(job)} == {EntryStatus.PENDING}
    assert _asked(workshop) <= 4  # those that were under way at the same time


def test_downloads_of_a_run_take_slots_of_the_limits(workshop: Workshop) -> None:
    """With one slot for the site, the files of a list come one after the other."""
    workshop.write_config("limits: {site_downloads: 1}\n")
    url = workshop.site.url(f"/files/3/rate400000,tag{workshop.tag}/vid001.mp4.rss")
    job, _ = workshop.download(url)

    seen = [r for r in workshop.site.requests(f"tag{workshop.tag}") if r.path.startswith("/f/")]
    spans = sorted((r.at, r.until or r.at) for r in seen if r.sent > 10_000)
    assert job.status is JobStatus.COMPLETED
    assert len(spans) == 3
    assert all(before[1] <= after[0] for before, after in pairwise(spans))


def test_a_single_items_page_is_asked_for_once(workshop: Workshop) -> None:
    """What the listing read is what the download goes by; only a retry reads the page again."""
    page = f"/f/tag{workshop.tag}/v/vid001.html"
    job, _ = workshop.download(workshop.site.url(page))

    assert job.status is JobStatus.COMPLETED
    assert _asked(workshop, page) == 1

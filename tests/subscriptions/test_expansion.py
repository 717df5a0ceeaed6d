"""The playlist-expansion flow on real lists: what arrives, what is remembered, what a failure does."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.engine.polling import wait_until
from tests.subscriptions.studio import Studio
from vidra.engine.interface import RunStatus
from vidra.state.interface import EntryStatus

pytestmark = pytest.mark.slow


def test_a_subscription_brings_what_is_new_and_then_nothing(studio: Studio) -> None:
    """The first run fetches the list oldest first, the second finds it archived and makes no job."""
    studio.declare(talks={"urls": studio.url("/feed.rss")})
    studio.run("talks")
    first = studio.last("talks")
    studio.run("talks")
    second = studio.last("talks")

    assert (first.result, first.planned, first.downloaded) == ("ok", 4, 4)
    assert (second.result, second.planned, second.listed) == ("ok", 0, 4)
    assert len(studio.shelf()) == 4
    (job,) = studio.jobs()
    titles = [entry.title for entry in studio.entries(job.job_id)]
    assert titles[0] == "Test clip 1"
    assert titles[-1] == "Test clip 4"
    assert studio.standing("talks").held == 4


def test_a_plan_is_what_the_run_then_does(studio: Studio) -> None:
    """Same order, same choice; the dry run leaves nothing behind but the plan."""
    studio.declare(
        talks={"urls": studio.url("/feed.rss"), "rules": {"max_items": 2, "title_exclude": "clip 2"}}
    )
    planned = [item["title"] for item in studio.plan("talks") if item["decision"] == "download"]
    assert (studio.shelf(), studio.jobs(), studio.standing("talks").runs) == ([], [], ())
    studio.run("talks")

    (job,) = studio.jobs()
    assert [entry.title for entry in studio.entries(job.job_id)] == planned == ["Test clip 1", "Test clip 3"]


def test_a_plan_that_cannot_be_made_says_why(studio: Studio) -> None:
    """The others are planned; nobody takes silence for an empty list."""
    studio.declare(gone={"urls": studio.url("/nothing.rss")}, talks={"urls": studio.url("/pages/feed-1.rss")})
    outcome = studio.run("gone", "talks", dry_run=True)
    with studio.book() as book:
        plans = {name: book.plan(outcome.flow_run_id or "", name) for name in ("gone", "talks")}
    assert all(plans.values())
    assert "404" in (plans["gone"] or {})["error"]
    assert len((plans["talks"] or {})["items"]) == 1


def test_an_entry_fails_alone_and_rests_before_it_is_tried_again(studio: Studio) -> None:
    """The others arrive; the next run leaves it alone unless asked, and says why."""
    studio.declare(talks={"urls": studio.url("/odd/feed-one-bad.rss")})
    outcome = studio.run("talks")
    first = studio.last("talks")
    (job,) = studio.jobs()
    failed = [entry for entry in studio.entries(job.job_id) if entry.status is EntryStatus.FAILED]
    resting = [item for item in studio.plan("talks") if item["decision"] == "later"]
    again = [item for item in studio.plan("talks", retry_failed=True) if item["decision"] == "download"]

    assert (first.result, first.downloaded, first.failed) == ("partial", 3, 1)
    assert outcome.state_name == "CompletedWithErrors"
    assert [(entry.index, entry.title) for entry in failed] == [(4, "Test clip 4")]
    assert "404" in (failed[0].error or "")
    assert "failed 1×, again after" in resting[0]["reason"]
    assert [item["title"] for item in again] == ["Test clip 4"]


def test_a_job_that_is_taken_up_again_counts_only_what_is_new(studio: Studio) -> None:
    """What an earlier run brought is neither downloaded twice in the history nor held twice.

    The oldest item is the one that was not done when the run was interrupted: newer ones that were do not
    make the next run skip it.
    """
    stalling = studio.url(f"/files/1/stall60at2000x1,tag{studio.workshop.tag}/vid001.mp4.rss")
    studio.declare(talks={"urls": [studio.url("/pages/feed-2.rss"), stalling]})
    stop = threading.Event()
    with ThreadPoolExecutor(1) as aside:
        begun = aside.submit(studio.run, "talks", stop=stop)
        wait_until(lambda: _completed(studio) == 2, 60)
        stop.set()
        begun.result(60)
    first = studio.last("talks")
    left = {item["title"]: item["decision"] for item in studio.plan("talks")}
    studio.run("talks")
    second = studio.last("talks")

    assert left == {"File 1": "under_way", "Test clip 1": "archived", "Test clip 2: “Ü & <b>”": "archived"}
    assert next(iter(left)) == "File 1"
    assert (first.result, first.downloaded, first.planned) == ("interrupted", 2, 3)
    assert (second.result, second.downloaded, second.planned) == ("ok", 1, 0)
    assert (studio.standing("talks").held, len(studio.jobs()), len(studio.shelf())) == (3, 1, 3)


def _completed(studio: Studio) -> int:
    return sum(
        entry.status is EntryStatus.COMPLETED for job in studio.jobs() for entry in studio.entries(job.job_id)
    )


def test_one_subscription_fails_and_the_others_go_on(studio: Studio) -> None:
    """Each has its own history; the run as a whole is not failed."""
    studio.declare(bad={"urls": studio.url("/missing.rss")}, good={"urls": studio.url("/pages/feed-1.rss")})
    outcome = studio.run()

    assert outcome.status is RunStatus.COMPLETED
    assert studio.last("bad").result == "failed"
    assert "404" in (studio.last("bad").message or "")
    assert (studio.last("good").result, studio.last("good").downloaded) == ("ok", 1)


def test_an_item_is_kept_once_however_many_lists_name_it(studio: Studio) -> None:
    """Two lists of the same pages, even at the same moment: one download, named by both."""
    both = {"urls": studio.url("/pages/feed-2.rss")}
    studio.declare(one=both, two=both, three={"urls": studio.url("/feed.rss")})
    studio.run("one", "two")
    studio.run("three")

    with studio.holdings() as holdings:
        lists = [set(held.lists) for held in holdings.all()]
    assert lists[:2] == [{"one", "two", "three"}] * 2
    assert (studio.last("three").listed, studio.last("three").planned) == (4, 2)
    assert len(studio.shelf()) == 4


def test_losing_the_archive_does_not_fetch_everything_again(studio: Studio) -> None:
    """A known subscription that plans all its items once more is refused, until a person says yes."""
    studio.declare(talks={"urls": studio.url("/feed/6.rss")})
    studio.run("talks")
    (studio.data / "archive.txt").unlink()
    refused = studio.run("talks")
    note = studio.last("talks")
    studio.run("talks", yes=True)

    assert refused.status is RunStatus.FAILED
    assert note.result == "refused"
    assert "6 would be downloaded again" in (note.message or "")
    assert "vidra subscription run talks --yes" in (note.message or "")
    assert studio.last("talks").downloaded == 6
    assert len(studio.shelf()) == 6


def test_what_only_the_page_tells_is_judged_before_anything_is_fetched(studio: Studio) -> None:
    """The feed has no lengths: too long items are left out once their page is read, and not read again."""
    studio.declare(talks={"urls": studio.url("/feed.rss"), "rules": {"max_duration": 4.5}})
    undecided = studio.plan("talks")
    studio.run("talks")
    (job,) = studio.jobs()
    removed = [e for e in studio.entries(job.job_id) if e.status is EntryStatus.REMOVED]
    later = {item["title"]: item["reason"] for item in studio.plan("talks") if item["decision"] == "unwanted"}

    assert {item["reason"] for item in undecided} == {"the list does not tell its length"}
    assert len(studio.shelf()) == 2
    assert {entry.title for entry in removed} == set(later) == {"Test clip 1", "Test clip 3"}
    assert later["Test clip 1"] == "max_duration: 4.5 s, is 6 s"


def test_a_paused_subscription_does_nothing_by_schedule_and_runs_by_hand(studio: Studio) -> None:
    """The schedule's runs leave no trace in its history."""
    studio.declare(talks={"urls": studio.url("/pages/feed-1.rss")})
    with studio.book() as book:
        book.pause("talks", paused=True)
    studio.run("talks", scheduled=True)
    assert studio.standing("talks").runs == ()
    studio.run("talks")

    assert studio.last("talks").downloaded == 1


def test_a_deleted_item_does_not_come_back(studio: Studio) -> None:
    """Its file is gone, its tombstone says why, and the plan says so."""
    studio.declare(talks={"urls": studio.url("/pages/feed-2.rss")})
    studio.run("talks")
    with studio.holdings() as holdings:
        first = holdings.all()[0]
        Path(first.main_file).unlink()
        holdings.bury([first.key], reason="watched")
    plan = studio.plan("talks")
    studio.run("talks")

    assert {(item["decision"], item["reason"]) for item in plan} == {
        ("deleted", "watched"),
        ("archived", None),
    }
    assert len(studio.shelf()) == 1

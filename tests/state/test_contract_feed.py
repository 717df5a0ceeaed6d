"""What every change feed promises."""

from __future__ import annotations

import asyncio
import threading

import pytest

from tests.state.builders import a_job, an_entry, lines
from vidra.errors import UsageError
from vidra.state import ChangeKind, Cursor, State
from vidra.state.interface import JobProgress, JobStatus


def test_changes_come_in_order_and_once(state: State) -> None:
    """Each from the cursor of the one before."""
    feed = state.feed()
    start = feed.now()
    job = state.jobs.add(a_job())
    state.jobs.set_progress("job-1", JobProgress(percent=5.0))
    first = feed.since(start)
    assert [change.kind for change in first.changes] == [ChangeKind.JOB, ChangeKind.PROGRESS]
    assert first.changes[0].job == job
    assert first.changes[1].progress == JobProgress(percent=5.0)
    assert not first.reset
    moved = state.jobs.update("job-1", status=JobStatus.RUNNING)
    second = feed.since(first.cursor)
    assert [change.job for change in second.changes] == [moved]
    assert not feed.since(second.cursor).changes


def test_a_cursor_survives_as_text(state: State) -> None:
    """A client hands it back after a restart of everything."""
    state.jobs.add(a_job())
    cursor = state.feed().now()
    state.jobs.add(a_job("job-2"))
    batch = state.feed().since(Cursor.parse(str(cursor)))
    assert [change.job_id for change in batch.changes] == ["job-2"]


@pytest.mark.parametrize("text", ["", "a", "a:b", "a:b:c", "a:b:-1", "a:b:1,"])
def test_text_that_is_no_cursor_is_refused(text: str) -> None:
    """With a word on what was expected."""
    with pytest.raises(UsageError, match="file:origin:number"):
        Cursor.parse(text)


def test_a_foreign_cursor_asks_for_a_reset(state: State) -> None:
    """And the batch says from where to go on."""
    state.jobs.add(a_job())
    feed = state.feed()
    text = str(feed.now())
    _, origin, _ = feed.now().positions[0]
    batch = feed.since(Cursor.parse(text.replace(origin, "elsewhere")))
    assert batch.reset
    assert not batch.changes
    assert not feed.since(batch.cursor).reset


def test_the_feed_of_a_job_tells_of_its_side_files(state: State) -> None:
    """Entries, their progress, log lines and options; of this job only."""
    state.jobs.add(a_job())
    state.jobs.add(a_job("job-2"))
    feed = state.feed("job-1")
    start = feed.now()
    state.jobs.update("job-2", error="not ours")
    state.entries("job-2").put([an_entry(1)])
    state.entries("job-1").put([an_entry(1)])
    state.entries("job-1").update(1, progress=JobProgress(percent=9.0))
    state.logs.append("job-1", lines("hello"))
    state.options.save("job-1", {"a": 1})
    changes = feed.since(start).changes
    kinds = {ChangeKind.ENTRY, ChangeKind.ENTRY_PROGRESS, ChangeKind.LOG, ChangeKind.OPTIONS}
    assert {change.kind for change in changes} == kinds
    assert len(changes) == 4
    assert {change.job_id for change in changes} == {"job-1"}
    assert [change.line.message for change in changes if change.line] == ["hello"]


def test_a_removal_names_the_job(state: State) -> None:
    """Followers know ids, not document numbers."""
    state.jobs.add(a_job())
    feed = state.feed()
    start = feed.now()
    state.remove_job("job-1")
    assert [(c.kind, c.job_id) for c in feed.since(start).changes] == [(ChangeKind.REMOVED, "job-1")]


def test_following_delivers_what_came_before_the_stop(state: State) -> None:
    """A display that is told to stop still shows the last word."""
    feed, stop = state.feed(), threading.Event()
    start = feed.now()
    seen: list[str] = []
    follower = threading.Thread(
        target=lambda: seen.extend(
            c.job_id for batch in feed.follow(start, stop=stop, poll_s=0.01) for c in batch.changes
        )
    )
    follower.start()
    for number in range(20):
        state.jobs.add(a_job(f"job-{number}"))
    stop.set()
    follower.join(10)
    assert seen == [f"job-{number}" for number in range(20)]


def test_the_feed_can_be_followed_from_asyncio(state: State) -> None:
    """It ends when its consumer has enough."""

    async def first_change() -> str:
        stream = state.feed().afollow(start, poll_s=0.001)
        async for batch in stream:
            await stream.aclose()  # type: ignore[attr-defined]  # an async generator, announced as an iterator
            return batch.changes[0].job_id
        return "none"

    start = state.feed().now()
    state.jobs.add(a_job())
    assert asyncio.run(asyncio.wait_for(first_change(), 10)) == "job-1"

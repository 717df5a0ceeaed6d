"""Coming back soon costs no look at the journal: the latest changes are kept, whoever listens."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.api.filling import add_job
from vidra.api.generic.room import EventRoom
from vidra.api.streams.hub import RESTING, Hub
from vidra.api.streams.place import Place
from vidra.api.streams.recent import RecentChanges
from vidra.api.streams.topic import Topic
from vidra.state import Change, ChangeKind, Cursor, State, open_state
from vidra.state.history import BatchOf


@pytest.fixture
def state(tmp_path: Path) -> Iterator[State]:
    """Open a state with one job."""
    with open_state(tmp_path) as opened:
        add_job(opened)
        yield opened


def at(number: int) -> Cursor:
    """Return a cursor."""
    return Cursor(positions=(("jobs", "origin", number),))


def batch_to(number: int, changes: int) -> BatchOf[Change]:
    """Return a batch that ends there."""
    return BatchOf(changes=[Change(kind=ChangeKind.JOB, job_id="job1")] * changes, cursor=at(number))


def test_who_comes_back_finds_what_happened_while_nobody_listened(state: State) -> None:
    """In memory: no file is read for it, and each change has a place of its own."""

    async def scene() -> None:
        hub, make = Hub(state), partial(EventRoom, state)
        async with hub.listening(None, EventRoom, make) as (topic, _, _):
            left_at = topic.cursor
        for number in range(3):
            state.jobs.update("job1", error=str(number))
        async with hub.listening(None, EventRoom, make) as (again, room, subscriber):
            stretches = again.since(left_at)
            messages = await room.missed(again, Place(cursor=left_at), subscriber)

        assert again is topic
        assert stretches is not None
        assert [change.job.error for _, changes in stretches for change in changes if change.job] == [
            "0",
            "1",
            "2",
        ]
        assert len({message.place for message in messages}) == 3

    asyncio.run(scene())


def test_places_do_not_grow_however_often_one_resumes(state: State) -> None:
    """Hearing one event each time, the place moves on with the changes instead of counting them all."""

    async def scene() -> None:
        hub, make = Hub(state), partial(EventRoom, state)
        heard, place = list[str](), Place(cursor=state.feed().now())
        for number in range(20):
            async with hub.listening(None, EventRoom, make) as (topic, room, subscriber):
                state.jobs.update("job1", error=str(2 * number))
                topic.advance()
                state.jobs.update("job1", error=str(2 * number + 1))
                topic.advance()
                first = (await room.missed(topic, place, subscriber))[0]
                heard.append(first.text)
                place = Place.parse(first.place or "")

        assert [f'"error":"{number}"' in text for number, text in enumerate(heard)] == [True] * 20
        assert sum(place.told.values()) <= 1

    asyncio.run(scene())


def test_topics_at_rest_are_bounded(state: State) -> None:
    """A listener for each of many jobs does not leave something behind for each."""

    async def scene() -> None:
        hub = Hub(state)
        seen = set[Topic]()
        for number in range(RESTING + 4):
            async with hub.listening(f"job{number}", EventRoom, partial(EventRoom, state)) as (topic, _, _):
                seen.add(topic)
        async with hub.listening("job0", EventRoom, partial(EventRoom, state)) as (topic, _, _):
            assert topic not in seen

    asyncio.run(scene())


def test_only_so_many_changes_are_kept() -> None:
    """The oldest go; a place among them is not found, later ones are."""
    recent = RecentChanges(most=10)
    for number in range(5):
        recent.add(at(number), batch_to(number + 1, 2))

    assert recent.since(at(1)) is None
    assert [cursor for cursor, _ in recent.since(at(3)) or ()] == [at(3), at(4)]


def test_a_gap_makes_everything_older_worthless() -> None:
    """Behind a reset nothing of before is told."""
    recent = RecentChanges()
    recent.add(at(0), batch_to(1, 1))
    recent.add(at(1), BatchOf(changes=(), cursor=at(9), reset=True))
    recent.add(at(9), batch_to(10, 1))

    assert recent.since(at(0)) is None
    assert recent.since(at(9)) is not None

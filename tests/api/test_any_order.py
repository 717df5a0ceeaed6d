"""What the two sockets of a client say of one list: true in whatever order the two are heard."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from tests.api.engines import NotingEngine
from tests.api.filling import add_job, entries_of
from tests.api.memory import Memory
from tests.api.serving import TOKEN, settings_in
from vidra.api.client.job import job_detail
from vidra.api.client.job_room import JobRoom
from vidra.api.client.overview_room import OverviewRoom
from vidra.api.interface import Backend
from vidra.api.services import Services
from vidra.api.streams.audience import Audience
from vidra.api.streams.pump import Pump
from vidra.api.streams.subscriber import Subscriber
from vidra.api.streams.topic import Room, Topic
from vidra.clock import SYSTEM_CLOCK
from vidra.credentials.server_token import FixedToken
from vidra.state import State, open_state
from vidra.state.interface import EntryStatus, JobKind, JobProgress, JobStatus

Told: TypeAlias = tuple[str, dict[str, Any]]
"""An event and its payload."""
JOB = "list1"
OF_THE_LIST = (
    "title", "entry_count", "total_items", "completed_items", "pending_items", "percent", "received_count",
    "collection_complete", "selected_indices", "completed_indices", "entries_version",
)  # fmt: skip
OF_THE_JOB = ("status", "kind", "finished_at", "error", "progress")


def _life(state: State) -> Iterator[None]:
    """Do what a flow and a person do with a list of four, of which two are chosen; yield after each step."""
    facts = {"title": "A list", "playlist_id": "PL1"}
    state.entries(JOB).put(entries_of(4))
    state.jobs.update(JOB, kind=JobKind.PLAYLIST, metadata=facts, selection_required=True, total_items=4)
    yield
    state.jobs.update(JOB, selection="1,3", selection_required=False, status=JobStatus.QUEUED)
    yield
    state.jobs.update(JOB, status=JobStatus.RUNNING)
    yield
    for index in (1, 3):
        state.entries(JOB).update(index, status=EntryStatus.ACTIVE)
        state.jobs.set_progress(JOB, JobProgress(percent=50.0, stage="downloading", total_items=2))
        yield
        state.entries(JOB).update(index, status=EntryStatus.COMPLETED)
    state.jobs.transition(JOB, JobStatus.COMPLETED, allowed_from={JobStatus.RUNNING})
    yield


class Ear:
    """Listens in one room, and moves its topic."""

    def __init__(self, topic: Topic, room: Room) -> None:
        self._topic, self._room = topic, room
        self._subscriber = Subscriber()
        topic.rooms[type(room)] = room
        room.audience.add(self._subscriber)
        self.heard: list[Told] = []

    async def listen(self, now: float) -> None:
        """Take note of what the latest changes are told as."""
        self._topic.advance()
        self._room.tick(now)
        if len(self._subscriber):
            messages = [json.loads(message.text) for message in await self._subscriber.take()]
            self.heard += [(message["event"], message["payload"]) for message in messages]


def _told(folder: Path) -> tuple[Sequence[Told], Sequence[Told], dict[str, Any]]:
    """Return what overview and room say during the list's life, and what the server answers at its end."""

    async def scene() -> tuple[Sequence[Told], Sequence[Told], dict[str, Any]]:
        settings, pump = settings_in(folder), Pump()
        with open_state(settings.storage.data_dir) as state:
            services = Services(
                Backend(settings=settings, state=state, engine=NotingEngine(), tokens=FixedToken(TOKEN))
            )
            add_job(state, JOB, status=JobStatus.STARTING)
            audience = Audience(pump)
            overview = Ear(
                Topic(state, None, pump), OverviewRoom(state, SYSTEM_CLOCK, audience, services.view)
            )
            room = Ear(Topic(state, JOB, pump), JobRoom(state, SYSTEM_CLOCK, Audience(pump), JOB))
            for second, _ in enumerate(_life(state)):
                for ear in (overview, room):
                    await ear.listen(float(second + 1))
            truth = job_detail(services.view(state.jobs.get(JOB), deep=True), {}, ())
            return overview.heard, room.heard, json.loads(json.dumps(truth))

    return asyncio.run(scene())


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> tuple[Sequence[Told], Sequence[Told], dict[str, Any]]:
    """Return what is told of one list, told once for all orders."""
    return _told(tmp_path_factory.mktemp("list"))


@example(turns=[True] * 60)
@example(turns=[False] * 60)
@given(turns=st.lists(st.booleans(), max_size=60))
def test_a_list_is_remembered_rightly_in_any_order(
    told: tuple[Sequence[Told], Sequence[Told], dict[str, Any]], turns: list[bool]
) -> None:
    """Each socket keeps its order; between the two there is none. Either may be the last to be heard."""
    overview, room, truth = told
    memory, rest = Memory(), [list(overview), list(room)]
    for turn in (*turns, *[True] * len(overview), *[False] * len(room)):
        if not (queue := rest[0 if turn else 1]):
            continue
        event, payload = queue.pop(0)
        if event == "update":
            memory.merge(payload)
        elif not turn:
            memory.hear(JOB, event, payload)

    job = memory.jobs[JOB]
    assert {name: job.get(name) for name in OF_THE_JOB} == {name: truth.get(name) for name in OF_THE_JOB}
    found, expected = job["playlist"], truth["playlist"]
    assert {name: found.get(name) for name in OF_THE_LIST} == {
        name: expected.get(name) for name in OF_THE_LIST
    }


def test_who_comes_while_a_choice_is_awaited_is_told_the_list(tmp_path: Path) -> None:
    """First that there is something to choose, then each entry, then that this was all."""

    async def scene() -> list[str]:
        with open_state(tmp_path) as state:
            add_job(state, JOB, status=JobStatus.STARTING)
            next(_life(state))
            pump = Pump()
            room = Ear(Topic(state, JOB, pump), JobRoom(state, SYSTEM_CLOCK, Audience(pump), JOB))
            await room.listen(1.0)
            return [event for event, _ in room.heard]

    heard = asyncio.run(scene())
    assert heard[0] == "global_info"
    assert (heard.count("entry_info"), heard.count("list_info_ends"), heard[-1]) == (4, 1, "list_info_ends")


def test_both_sockets_have_their_last_word_on_the_list(
    told: tuple[Sequence[Told], Sequence[Told], dict[str, Any]],
) -> None:
    """The orders above would prove nothing if one of them said nothing of it."""
    overview, room, truth = told
    last = [[p for e, p in heard if e == "update"][-1] for heard in (overview, room)]

    assert [payload["status"] for payload in last] == ["completed", "completed"]
    assert [payload["playlist"]["total_items"] for payload in last] == [2, 2]
    assert truth["playlist"]["total_items"] == 2

from __future__ import annotations

import asyncio
import json
import socket
import time
from collections.abc import Iterator
from functools import partial

import pytest
from websockets.sync.client import connect

from tests.api.event_streams import events_of
from tests.api.filling import add_job, add_list, entries_of
from tests.api.serving import Shim, until
from tests.api.simulator import JOB_EVENTS, OVERVIEW_EVENTS, Listener
from vidra.api.interface import RunState
from vidra.api.streams import subscriber as subscribing
from vidra.api.streams.message import Ending, Message
from vidra.api.streams.place import Place
from vidra.api.streams.subscriber import Subscriber
from vidra.errors import UsageError
from vidra.state import Change, ChangeKind, Cursor
from vidra.state.interface import EntryStatus, JobKind, JobProgress, JobStatus, LogLine

NOWHERE = Cursor(positions=(("jobs", "abc", 7),))


def _changes(*kinds: ChangeKind) -> list[Change]:
    return [Change(kind=kind, job_id="j") for kind in kinds]


def test_a_place_resumes_behind_the_change_it_was_told_with() -> None:
    """Even when the batch has grown in between by changes of another file."""
    log, job = ChangeKind.LOG, ChangeKind.JOB
    numbered = list(Place(cursor=NOWHERE).numbered(_changes(job, log, log)))
    place = Place.parse(str(numbered[1][1]))

    assert [change.kind for change, _ in place.numbered(_changes(job, job, log, log, log))] == [job, log, log]
    assert str(place) == "jobs:abc:7~job.1-log.1"


@pytest.mark.parametrize(
    "text",
    ["", "x", "a:b:c", "jobs:abc:7~", "jobs:abc:7~job", "jobs:abc:7~cat.1", "a:b:1~job.-1", "x" * 2000],
)
def test_a_made_up_place_is_refused(text: str) -> None:
    """It comes from a header that anybody can write."""
    with pytest.raises(UsageError):
        Place.parse(text)


def test_a_queue_keeps_the_latest_figures_and_every_state() -> None:
    """Figures replace their predecessors; nothing else is ever dropped."""

    async def scene() -> list[str]:
        subscriber = Subscriber()
        for text, key in (("a", None), ("1", "figures"), ("b", None), ("2", "figures")):
            subscriber.offer(Message(text=text, key=key))
        return [message.text for message in await subscriber.take()]

    assert asyncio.run(scene()) == ["a", "b", "2"]


def test_a_queue_that_nobody_empties_is_ended() -> None:
    """Bounded: at once beyond the burst, after a second beyond the limit, of messages or of bytes."""

    async def scene() -> tuple[Ending | None, ...]:
        burst, slow, heavy = Subscriber(limit=4, burst=8), Subscriber(limit=4, burst=8), Subscriber()
        for number in range(9):
            burst.offer(Message(text=str(number)))
        for number in range(5):
            slow.offer(Message(text=str(number)))
        for _ in range(2):
            heavy.offer(Message(text="x" * subscribing.QUEUE_BYTES))
        assert (slow.ending, heavy.ending) == (None, None)
        await asyncio.sleep(1.1)
        for subscriber in (slow, heavy):
            subscriber.offer(Message(text="x"))
        assert len(burst) == 0
        return burst.ending, slow.ending, heavy.ending

    assert set(asyncio.run(scene())) == {Ending.TOO_SLOW}


def test_a_queue_of_figures_alone_is_ended_too(monkeypatch: pytest.MonkeyPatch) -> None:
    """They replace one another and never fill it; whoever takes none for long is gone all the same."""
    monkeypatch.setattr(subscribing, "LONGEST_S", 0.2)
    monkeypatch.setattr(subscribing, "FAREWELL_S", 0.5)
    cut: list[str] = []

    async def scene() -> Ending | None:
        stuck, left = Subscriber(), Subscriber()
        for subscriber, name in ((stuck, "stuck"), (left, "left")):
            subscriber.cut_with(partial(cut.append, name))
            for number in range(6):
                subscriber.offer(Message(text=str(number), key="figures"))
                await asyncio.sleep(0.05)
        left.left()
        await asyncio.sleep(0.8)
        return stuck.ending

    assert asyncio.run(scene()) is Ending.TOO_SLOW
    assert cut == ["stuck"]


@pytest.fixture
def room(served: Shim) -> Iterator[Listener]:
    """Yield a client in the room of a running video job `job1`."""
    add_job(served.state, "job1", kind=JobKind.VIDEO)
    listener = Listener(served.socket_url("/ws/jobs/job1"), JOB_EVENTS)
    listener.wait_for("update(initial_sync)")
    yield listener
    listener.close()


def test_figures_are_told_four_times_a_second_at_most(served: Shim, room: Listener) -> None:
    """And the last ones come before the status they led to."""
    began = time.monotonic()
    for percent in range(60):
        served.state.jobs.set_progress("job1", JobProgress(stage="downloading", percent=float(percent)))
        time.sleep(0.02)
    served.state.jobs.transition("job1", JobStatus.COMPLETED, allowed_from={JobStatus.RUNNING})
    room.wait_for("update(completed)")
    took = time.monotonic() - began

    told = [payload["percent"] for event, payload in room.heard if event == "progress"]
    before_end = room.names()[: room.names().index("update(completed)")]
    assert before_end.count("progress") <= took * 4 + 3
    assert told == sorted(told)
    assert 59.0 in told


def test_every_log_line_arrives_in_order(served: Shim, room: Listener) -> None:
    """A burst of a thousand lines is no reason to drop a listener that keeps up."""
    lines = [
        LogLine(timestamp="2026-11-20T20:21:59.418625Z", level="info", message=str(n)) for n in range(1000)
    ]
    for start in range(0, 1000, 250):
        served.state.logs.append("job1", lines[start : start + 250])
    until(lambda: len(room.payloads("log")) >= 1000, "all lines are there")

    assert [payload["message"] for payload in room.payloads("log")] == [str(n) for n in range(1000)]


def test_a_long_list_comes_in_small_messages(served: Shim) -> None:
    """A thousand entries: each told once under both names, nothing over 64 KB but the list itself."""
    add_job(served.state, "long", status=JobStatus.STARTING)
    room = Listener(served.socket_url("/ws/jobs/long"), JOB_EVENTS)
    overview = Listener(served.socket_url("/ws/overview"), OVERVIEW_EVENTS)
    chatter = LogLine(timestamp="2026-11-20T20:21:59.418625Z", level="info", message="word " * 5000)
    served.state.logs.append("long", [chatter] * 10)
    served.state.entries("long").put(entries_of(1000))
    served.state.jobs.update("long", kind=JobKind.PLAYLIST, selection_required=True, total_items=1000)
    room.wait_for("list_info_ends")
    told = [payload["index"] for payload in room.payloads("entry_info")]
    assert told == list(range(1, 1001))
    assert len(room.payloads("playlist_preview_entry")) == 1000

    served.state.jobs.update("long", selection_required=False, status=JobStatus.RUNNING)
    for index in range(1, 301):
        served.state.entries("long").update(index, status=EntryStatus.FAILED, error="the site said no " * 100)
    until(lambda: len(room.payloads("playlist_entry_progress")) == 300, "all failures are told")

    assert len(room.payloads("log")) == 10
    assert room.largest <= 65_536
    assert overview.largest <= 65_536
    with served.client() as client:
        assert len(client.get("/api/jobs").content) <= 65_536
    room.close()
    overview.close()


def test_a_reader_that_stops_is_dropped_and_the_others_hear_everything(served: Shim, room: Listener) -> None:
    """API-15, small: nothing waits for the one that sleeps."""
    address = f"GET /ws/jobs/job1?token={served.token} HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\n"
    upgrade = "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    key = "Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n\r\n"
    with socket.socket() as frozen:
        frozen.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        frozen.connect(("127.0.0.1", served.port))
        frozen.sendall((address + upgrade + key).encode())
        text = "x" * 20_000
        for number in range(300):
            line = LogLine(timestamp="2026-11-20T20:21:59.418625Z", level="info", message=f"{number} {text}")
            served.state.logs.append("job1", [line])
        until(lambda: len(room.payloads("log")) >= 300, "the awake one has all")
        services = served.server._app.state.services
        until(lambda: len(services._open) == 1, "the frozen one was let go", within=30)


def test_a_short_list_of_long_titles_stays_small_too(served: Shim) -> None:
    """A hundred entries to choose from travel with the job only while they are small."""
    add_job(served.state, "wordy", status=JobStatus.STARTING)
    room = Listener(served.socket_url("/ws/jobs/wordy"), JOB_EVENTS)
    wordy = [entry.model_copy(update={"title": "long title " * 80}) for entry in entries_of(100)]
    served.state.entries("wordy").put(wordy)
    served.state.jobs.update("wordy", kind=JobKind.PLAYLIST, selection_required=True, total_items=100)
    room.wait_for("list_info_ends")

    assert room.largest <= 65_536
    assert len(room.payloads("entry_info")) == 100
    room.close()


def test_a_run_can_be_followed_to_its_end(served: Shim) -> None:
    """Its states, and everything about its job: entries and log lines too."""
    with served.client() as client:
        accepted = client.post(
            "/api/v1/flows/download-job/runs",
            json={"parameters": {"request": {"urls": ["http://127.0.0.1/x"]}}},
        ).json()
        with events_of(served, f"/api/v1/runs/{accepted['run_id']}/events") as events:
            assert json.loads(next(events)["data"])["state"] == "scheduled"
            line = LogLine(timestamp="2026-11-20T20:21:59.418625Z", level="info", message="hello")
            served.state.logs.append(accepted["job_id"], [line])
            served.engine.move(accepted["run_id"], RunState.COMPLETED)
            rest = [(event.get("event"), event.get("data", "")) for event in events]

    assert [name for name, _ in rest] == ["log", "run"]
    assert '"completed"' in rest[1][1]


def test_the_same_events_come_over_a_websocket(served: Shim) -> None:
    """With their ids, to resume from: the first one before anything has happened."""
    add_list(served.state, "list1")
    address = served.socket_url("/api/v1/ws/events")
    with connect(address) as sock:
        place = json.loads(sock.recv(timeout=5))
    served.state.jobs.update("list1", error="a")
    with connect(f"{address}&last_event_id={place['id']}") as sock:
        first = json.loads(sock.recv(timeout=5))
        served.state.jobs.update("list1", error="b")
    with connect(f"{address}&last_event_id={first['id']}") as sock:
        second = json.loads(sock.recv(timeout=5))

    assert [one["event"] for one in (place, first, second)] == ["connected", "job", "job"]
    assert [one["data"]["job"]["error"] for one in (first, second)] == ["a", "b"]

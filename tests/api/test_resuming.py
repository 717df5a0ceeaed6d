"""Coming back to the generic event streams: nothing lost, nothing twice, and told when that cannot be."""

from __future__ import annotations

import itertools
import json
import random
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.api.event_streams import events_of, lines_of, parsed
from tests.api.filling import add_job
from tests.api.serving import Shim, shim, until
from vidra.api.streams import taking
from vidra.api.streams.place import Place
from vidra.state.interface import JobKind, JobProgress, JobStatus
from vidra.state.upkeep import compact_all


def test_an_event_stream_resumes_without_loss_or_repetition(served: Shim) -> None:
    """API-17, short: hang up at random while the state changes; every state event arrives once."""
    _hang_up(served, times=25)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_a_thousand_disconnects_lose_and_double_nothing(served: Shim) -> None:
    """API-17: the same, a thousand times."""
    _hang_up(served, times=1000)


def _hang_up(served: Shim, *, times: int) -> None:
    """Listen to a few events and hang up, so many times; compare what was heard with what was written."""
    add_job(served.state, "job1")
    rng, enough, heard = random.Random(17), threading.Event(), list[str]()
    writer = threading.Thread(target=_write, args=(served, enough, heard))
    with events_of(served) as events:
        writer.start()
        last = _hear(events, 1, heard)
    for _ in range(times):
        with events_of(served, last=last) as events:
            last = _hear(events, rng.randint(1, 6), heard) or last
    enough.set()
    writer.join()
    latest = served.state.jobs.get("job1").error
    with events_of(served, last=last) as events:
        while heard[-1] != latest:
            _hear(events, 1, heard)

    assert heard == [str(number) for number in range(len(heard))]


def _write(served: Shim, enough: threading.Event, heard: list[str]) -> None:
    """Change the job until it is enough, a little ahead of the listener."""
    for number in itertools.count():
        served.state.jobs.update("job1", error=str(number))
        if number % 3 == 0:
            served.state.jobs.set_progress("job1", JobProgress(percent=number % 100))
        if enough.is_set():
            return
        until(lambda number=number: enough.is_set() or number - len(heard) < 100, "it is heard")  # type: ignore[misc]  # bound now, called now


def _hear(events: Iterator[dict[str, str]], count: int, heard: list[str]) -> str | None:
    """Take so many state events; return the last id seen."""
    last, told = None, 0
    while told < count:
        event = next(events)
        last = event.get("id", last)
        assert event["event"] in {"job", "progress"}, event
        if event["event"] == "job":
            heard.append(json.loads(event["data"])["job"]["error"])
            told += 1
    return last


def test_a_place_that_is_not_kept_gets_a_snapshot(served: Shim) -> None:
    """One `reset` event says where everything stands."""
    add_job(served.state, "job1")
    with events_of(served, last="jobs:000000000000:5") as events:
        event = next(events)

    assert event["event"] == "reset"
    assert json.loads(event["data"])["jobs"][0]["job_id"] == "job1"
    assert str(Place.parse(event["id"])) == event["id"]


def test_a_place_nobody_gave_out_is_a_400(served: Shim) -> None:
    """Before the stream begins."""
    with served.client() as client:
        assert client.get("/api/v1/events", headers={"Last-Event-ID": "tomorrow"}).status_code == 400


def test_a_place_outlives_one_compaction_and_is_told_when_it_does_not(served: Shim, tmp_path: Path) -> None:
    """A server that starts anew has the journal, one generation back: behind that a `reset` says so."""
    add_job(served.state, "job1")
    with events_of(served) as events:
        served.state.jobs.update("job1", error="0")
        last = next(events)["id"]
    served.state.jobs.update("job1", error="1")
    data_dir = served.settings.storage.data_dir
    list(compact_all(data_dir))
    with events_of(served, last=last) as events:
        assert json.loads(next(events)["data"])["job"]["error"] == "1"
    served.state.jobs.update("job1", error="2")
    list(compact_all(data_dir))
    served.state.jobs.update("job1", error="3")
    with shim(tmp_path, state=served.state) as started, events_of(started, last=last) as events:
        reset = next(events)
        served.state.jobs.update("job1", error="4")
        after = next(events)

    assert reset["event"] == "reset"
    assert json.loads(reset["data"])["jobs"][0]["error"] == "3"
    assert json.loads(after["data"])["job"]["error"] == "4"


def test_who_has_heard_nothing_yet_can_come_back_too(served: Shim) -> None:
    """The place comes with the connection, not with the first event."""
    add_job(served.state, "job1")
    with lines_of(served) as lines:
        first = next(lines)
    served.state.jobs.update("job1", error="meanwhile")
    with events_of(served, last=first.removeprefix("id: ")) as events:
        assert json.loads(next(events)["data"])["job"]["error"] == "meanwhile"


def test_silence_is_broken_by_heartbeats_that_carry_the_place(
    served: Shim, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Proxies hang up on silence; who comes back with a heartbeat's id misses nothing."""
    monkeypatch.setattr(taking, "HEARTBEAT_S", 0.1)
    add_job(served.state, "job1")
    with lines_of(served) as lines:
        beat = [next(lines) for _ in range(7)]
    last = next(line for line in beat if line.startswith("id: ")).removeprefix("id: ")
    served.state.jobs.update("job1", error="after")
    with events_of(served, last=last) as events:
        missed = json.loads(next(events)["data"])

    assert beat.count(": heartbeat") >= 2
    assert missed["job"]["error"] == "after"


def test_a_reader_that_was_dropped_comes_back_and_has_everything(served: Shim) -> None:
    """Nothing of what it had not taken is lost, and nothing comes twice."""
    add_job(served.state, "job1")
    head = (
        f"GET /api/v1/events HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nX-API-Token: {served.token}\r\n\r\n"
    )
    with socket.socket() as sleepy:
        sleepy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        sleepy.connect(("127.0.0.1", served.port))
        sleepy.settimeout(10)
        sleepy.sendall(head.encode())
        services = served.server._app.state.services
        until(lambda: services._open, "it listens")
        listener, number = next(iter(services._open)), 0
        while listener.ending is None:
            served.state.jobs.update("job1", error=f"{number} " + "x" * 2_000)
            number += 1
        until(lambda: not services._open, "it is cut")
        text = _everything(sleepy)
    lines = _unchunked(text).decode().splitlines()
    heard = list(parsed(lines))
    last = heard[-1]["id"]  # of a whole event: the one behind it was cut off
    served.state.jobs.update("job1", error=f"{number} ")
    with events_of(served, last=last) as events:
        while not heard or _number(heard[-1]) != number:
            heard.append(next(events))

    numbers = [_number(event) for event in heard if event["event"] == "job"]
    assert numbers == list(range(number + 1))


def _number(event: dict[str, str]) -> int | None:
    job = json.loads(event["data"]).get("job")
    return int(job["error"].split()[0]) if job else None


def _everything(sock: socket.socket) -> bytes:
    received = b""
    with suppress(ConnectionError, TimeoutError):
        while part := sock.recv(65536):
            received += part
    return received


def _unchunked(text: bytes) -> bytes:
    """Return the whole chunks of a body; the last one may have been cut off."""
    rest, body = text.partition(b"\r\n\r\n")[2], b""
    while rest:
        size, _, rest = rest.partition(b"\r\n")
        length = int(size or b"0", 16)
        if len(rest) < length or not length:
            break
        body, rest = body + rest[:length], rest[length + 2 :]
    return body


def test_figures_of_many_jobs_come_four_times_a_second_each_and_in_order(served: Shim) -> None:
    """Coalesced for each job by itself; a job's last figures come before the state they led to."""
    for job_id in ("a", "b"):
        add_job(served.state, job_id, kind=JobKind.VIDEO)
    began = time.monotonic()
    with events_of(served) as events:
        for percent in range(50):
            for job_id in ("a", "b"):
                served.state.jobs.set_progress(job_id, JobProgress(percent=float(percent)))
            time.sleep(0.02)
        for job_id in ("a", "b"):
            served.state.jobs.transition(job_id, JobStatus.COMPLETED, allowed_from={JobStatus.RUNNING})
        told: dict[str, list[float | str]] = {"a": [], "b": []}
        while not all(heard[-1:] == ["completed"] for heard in told.values()):
            data = json.loads(next(events)["data"])
            told[data["job_id"]].append(
                data["progress"]["percent"] if data["kind"] == "progress" else data["job"]["status"]
            )
        took = time.monotonic() - began

    for heard in told.values():
        assert heard[:-1] == sorted(heard[:-1])
        assert heard[-2:] == [49.0, "completed"]
        assert len(heard) - 1 <= took * 4 + 2

"""The generic face's streams about back ends; what is done to them is tested with a whole engine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect
from websockets.sync.connection import Connection

from tests.api.event_streams import events_of
from tests.api.serving import Shim, settings_in, shim, until
from vidra.credentials.server_token import TokenFile
from vidra.engine.backends.standings import open_health
from vidra.state.backend_health import EVENTS_KEPT, BackendHappening

AT = "2026-11-20T20:21:59.418625Z"
EVENTS = "/api/v1/backends/events"
SOCKET = "/api/v1/ws/backends/events"


def _happen(served: Shim, *states: str) -> None:
    """Write events down, as the supervisor's process does."""
    health = open_health(served.settings)
    health.record(
        [
            BackendHappening(name="api", event="backend-status", at=AT, facts={"new": state})
            for state in states
        ],
        [],
    )
    health.close()


def _next_event(events: Iterator[dict[str, str]]) -> tuple[str, str, dict[str, Any]]:
    """Return the next event's id, name and data."""
    event = next(events)
    return event["id"], event["event"], json.loads(event["data"])


def _place(socket: Connection) -> str:
    """Return where the stream begins: what every socket of events says first."""
    hello = json.loads(socket.recv(timeout=5))
    assert (hello["event"], hello["data"]) == ("connected", {})
    return str(hello["id"])


def test_events_of_back_ends_come_both_ways_and_resume(served: Shim) -> None:
    """Server-Sent Events and a WebSocket: the same events, the same ids, to come back with."""
    with events_of(served, EVENTS) as events, connect(served.socket_url(SOCKET)) as socket:
        until(lambda: len(served.server._app.state.services._open) == 2, "both listen")
        begin = _place(socket)
        _happen(served, "starting", "healthy")
        told = [_next_event(events) for _ in range(2)]
        same = [json.loads(socket.recv(timeout=5)) for _ in range(2)]

    assert [(name, data["new"]) for _, name, data in told] == [
        ("backend-status", "starting"),
        ("backend-status", "healthy"),
    ]
    assert [(e["id"], e["event"], e["data"]) for e in same] == told
    with events_of(served, EVENTS, last=told[0][0]) as events:
        assert _next_event(events) == told[1]
    for place, (expected, _, _) in ((begin, told[0]), (told[0][0], told[1])):
        with connect(served.socket_url(SOCKET) + f"&last_event_id={place}") as socket:
            assert json.loads(socket.recv(timeout=5))["id"] == expected


def test_who_comes_back_disturbs_nobody_who_stayed(served: Shim) -> None:
    """Each listener hears each event once, whenever others join."""
    heard: list[str] = []
    with connect(served.socket_url(SOCKET)) as stayed:
        _place(stayed)
        for number in range(20):
            _happen(served, str(number))
            with events_of(served, EVENTS, last="0") as events:
                first = _next_event(events)[2]["new"]
            assert first == "0"
            heard.append(json.loads(stayed.recv(timeout=5))["data"]["new"])

    assert heard == [str(number) for number in range(20)]


def test_a_place_that_is_not_kept_gets_everything_at_once(served: Shim) -> None:
    """The ring holds a thousand events; who was away longer is told how things stand, and says so."""
    _happen(served, *map(str, range(EVENTS_KEPT + 5)))
    with events_of(served, EVENTS, last="2") as events:
        place, name, data = _next_event(events)

    assert (place, name, data["backends"]) == (str(EVENTS_KEPT + 5), "reset", [])
    assert "does not reach back" in data["reason"]


def test_a_place_of_back_ends_that_nobody_gave_out_is_refused(served: Shim) -> None:
    """A 400 before the stream begins, and no WebSocket."""
    with served.client(**{"Last-Event-ID": "tomorrow"}) as client:
        assert client.get(EVENTS).status_code == 400
    with pytest.raises(InvalidStatus):
        connect(served.socket_url(SOCKET) + "&last_event_id=-1")


def test_a_new_token_ends_the_streams_of_the_old_one(tmp_path: Path) -> None:
    """Those about back ends like all others."""
    tokens = TokenFile(tmp_path / "data" / "server_token")
    with shim(tmp_path, tokens=tokens, settings=settings_in(tmp_path)) as served:
        served.token = tokens.current()
        with events_of(served, EVENTS) as events, connect(served.socket_url(SOCKET)) as socket:
            _place(socket)
            TokenFile(tokens.path).rotate()
            with pytest.raises(ConnectionClosed) as closed:
                socket.recv(timeout=10)
            assert list(events) == []
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1008


def test_a_server_that_stops_ends_the_streams_about_back_ends(tmp_path: Path) -> None:
    """Streams never finish by themselves: left alone they would take the whole three seconds."""
    with (
        shim(tmp_path) as served,
        events_of(served, EVENTS) as events,
        connect(served.socket_url(SOCKET)) as socket,
    ):
        _place(socket)
        served.server.stop()
        with pytest.raises(ConnectionClosed) as closed:
            socket.recv(timeout=10)
        assert list(events) == []
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1012

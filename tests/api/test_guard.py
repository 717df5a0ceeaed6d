from __future__ import annotations

import contextlib
import json
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.raw import ask, connection
from tests.api.serving import TOKEN, Shim, settings_in, shim, until
from vidra.api.crowd import Crowd
from vidra.api.guard import MEDIA
from vidra.api.listening import PatientProtocol


@pytest.fixture
def served(lasting: Shim) -> Shim:
    """Ask the lasting shim: what is refused leaves nothing behind."""
    return lasting


FREE = {"/", "/healthz", "/readyz"}


def _routes(served: Shim) -> list[tuple[str, str]]:
    app = served.server._app
    found: list[tuple[str, str]] = []
    for route in app.routes:
        if isinstance(route, Route):
            found += [(method, route.path) for method in sorted(route.methods or ())]
    paths = app.openapi()["paths"]
    found += [(method.upper(), path) for path, methods in paths.items() for method in methods]
    return sorted(set(found))


def test_every_route_but_health_wants_the_token(served: Shim) -> None:
    """API-07: generated from the routes there are, so a new one is covered."""
    routes = _routes(served)
    assert len(routes) > 25
    for token in ("", "wrong"):
        with served.stranger(**({"X-API-Token": token} if token else {})) as client:
            for method, path in routes:
                reply = client.request(method, path)
                if path.startswith(MEDIA):  # the ticket in the path stands for the token
                    assert reply.status_code == (403 if method in {"GET", "HEAD"} else 401)
                    continue
                free = path in FREE and method in {"GET", "HEAD"}
                assert (reply.status_code != 401) is free, (method, path)
                assert free or "token_missing_or_invalid" in reply.text or method == "HEAD"


def test_every_websocket_wants_the_token(served: Shim) -> None:
    """API-07: the handshake is refused, by the contract with 1008, which on the wire is a 403."""
    paths = [route.path for route in served.server._app.routes if isinstance(route, WebSocketRoute)]
    assert len(paths) >= 4
    for path in [*paths, "/ws/unknown"]:
        with pytest.raises(InvalidStatus) as refused:
            connect(served.socket_url(path, token="wrong"))
        assert refused.value.response.status_code == 403


def test_the_old_downloads_socket_is_not_there(served: Shim) -> None:
    """Optional in the contract, and used by no released client: refused like any unknown socket."""
    for path in ("/ws/downloads", "/ws/unknown"):
        with pytest.raises(InvalidStatus) as refused:
            connect(served.socket_url(path))
        assert refused.value.response.status_code == 403


@pytest.mark.parametrize("host", ["x/?", "127.0.0.1:{port}/?", "127.0.0.1:{port}/healthz?"])
def test_no_host_header_makes_a_path_free(served: Shim, host: str) -> None:
    """API-04: on every route there is, without a token; the path is taken from the request line alone."""
    for method, path in _routes(served):
        name = host.format(port=served.port)
        status, _ = ask(served.port, f"{method} {path} HTTP/1.1\nHost: {name}\nConnection: close")
        assert status == 400, (method, path)


@pytest.mark.parametrize(
    ("target", "headers"),
    [
        (f"/api/jobs?token={TOKEN}", ""),
        ("/api/jobs", f"Authorization: Bearer {TOKEN}\nAuthorization: Bearer x"),
        ("//", ""),
        ("/%2e", ""),
        ("/healthz/", ""),
        ("/HEALTHZ", ""),
        ("/healthz/../api/jobs", ""),
        ("/%00", ""),
        ("/jobs/xhealth", ""),
        ("/x/readyz", ""),
        ("/api/healthz", ""),
        ("//healthz", ""),
        ("/healthz;x", ""),
    ],
)
def test_nothing_else_counts_as_a_token_or_as_health(served: Shim, target: str, headers: str) -> None:
    """API-02, API-03: no query on HTTP, no second header, no other spelling of a free path."""
    head = f"GET {target} HTTP/1.1\nHost: 127.0.0.1:{served.port}" + (f"\n{headers}" if headers else "")

    assert ask(served.port, head)[0] == 401


@pytest.mark.parametrize(
    "host",
    [
        "rebind.attacker.example",
        "127.0.0.1",
        "127.0.0.1:1",
        "localhost.:{port}",
        "127.0.0.2:{port}",
        "",
        "a b",
        "127.0.0.1:{port}@evil.example",
        "evil.example:{port}",
        "[::2]:{port}",
    ],
)
def test_a_foreign_host_is_refused(served: Shim, host: str) -> None:
    """API-10: a page whose name is re-bound to loopback still sends its own name, health included."""
    assert ask(served.port, f"GET / HTTP/1.1\nHost: {host.format(port=served.port)}")[0] == 400


@pytest.mark.parametrize("host", ["127.0.0.1:{port}", "localhost:{port}", "LOCALHOST:{port}", "[::1]:{port}"])
def test_our_own_names_are_fine(served: Shim, host: str) -> None:
    """API-10: loopback goes by three names."""
    assert ask(served.port, f"GET / HTTP/1.1\nHost: {host.format(port=served.port)}")[0] == 200


@pytest.mark.parametrize(
    "head",
    [
        "GET / HTTP/1.1\nHost: 127.0.0.1:{port}\nHost: evil.example",
        "GET / HTTP/1.1\nHost: evil.example\nHost: 127.0.0.1:{port}",
        "GET / HTTP/1.1",
        "GET http://evil.example/ HTTP/1.1\nHost: 127.0.0.1:{port}",
        "GET / HTTP/1.0",
    ],
)
def test_a_host_that_can_be_read_two_ways_is_refused(served: Shim, head: str) -> None:
    """API-10: exactly one Host, and no address in the request line."""
    assert ask(served.port, head.format(port=served.port))[0] == 400


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1.evil:1", "file://", "http://["]
)
def test_a_foreign_page_gets_nothing(served: Shim, origin: str) -> None:
    """API-05, API-06: neither with the token, nor a preflight, nor over a WebSocket or event stream."""
    with served.client(Origin=origin) as client:
        assert client.post("/api/jobs", json={"urls": "http://127.0.0.1/x"}).status_code == 403
        assert client.get("/api/v1/events").status_code == 403
        preflight = client.options("/api/jobs")
    with pytest.raises(InvalidStatus):
        connect(served.socket_url("/ws/overview"), origin=origin)  # type: ignore[arg-type]  # a NewType of str
    assert preflight.status_code == 405
    assert "access-control-allow-origin" not in preflight.headers
    assert served.state.jobs.list() == []


def test_an_allowed_page_gets_what_it_needs(tmp_path: Path) -> None:
    """API-06: the owner names the origin; one that merely begins like it stays outside."""
    settings = settings_in(tmp_path, allowed_origins=["https://good.example"])
    with shim(tmp_path, settings=settings) as served:
        for origin, status in (("https://good.example", 200), ("https://good.example.evil", 403)):
            with served.client(Origin=origin) as client:
                reply = client.get("/api/jobs")
            assert reply.status_code == status
            assert (reply.headers.get("access-control-allow-origin") == origin) is (status == 200)
        url = served.socket_url("/ws/overview")
        connect(url, origin="https://good.example").close()  # type: ignore[arg-type]  # a NewType of str
        for origin in ("https://good.example.evil", "http://good.example", "null"):
            with pytest.raises(InvalidStatus):
                connect(url, origin=origin)  # type: ignore[arg-type]  # the same


def test_every_answer_carries_the_security_headers(served: Shim) -> None:
    """Also refusals, from whichever layer they come."""
    with served.client() as client, served.stranger() as stranger:
        replies = [
            client.get("/"),
            client.get("/nope"),
            stranger.get("/api/jobs"),
            client.post("/api/jobs", content=b"x"),
        ]
    for reply in replies:
        assert reply.headers["x-content-type-options"] == "nosniff"
        assert reply.headers["cache-control"] == "no-store"
        assert "server" not in reply.headers


def test_an_open_websocket_has_no_deadline(served: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    """API-12: the clock that hangs up on half a head must stop at the upgrade."""
    monkeypatch.setattr(PatientProtocol, "patience", 0.3)
    with connect(served.socket_url("/ws/overview")) as sock:
        sock.recv(timeout=5)
        with pytest.raises(TimeoutError):
            sock.recv(timeout=0.8)


def test_health_tells_strangers_who_we_are(served: Shim) -> None:
    """The released client adopts by this reply (contract, section 7.3)."""
    reply = json.loads(
        ask(served.port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{served.port}")[1].split(b"\r\n\r\n")[1]
    )

    assert reply["service"] == "Vidra Download Service"
    assert reply["api_url"] == f"http://127.0.0.1:{served.port}/api/"
    assert reply["job_socket_base_url"] == f"ws://127.0.0.1:{served.port}/ws/jobs/"
    assert reply["overview"] == {"total": 0, "active": 0, "queued": 0, "status_counts": {}}


def test_one_address_holds_so_many_connections_and_no_more(tmp_path: Path) -> None:
    """The next one is hung up on; WebSockets count, and one that leaves makes room."""
    with shim(tmp_path, crowd=Crowd(local=3)) as served, contextlib.ExitStack() as stack:
        head = f"GET / HTTP/1.1\nHost: 127.0.0.1:{served.port}"
        socket = stack.enter_context(connect(served.socket_url("/ws/overview")))
        for _ in range(2):
            stack.enter_context(connection(served.port))
        assert until(lambda: ask(served.port, head)[0] == 0, "the crowd is full")
        socket.close()
        assert until(lambda: ask(served.port, head)[0] == 200, "there is room again")


def test_strangers_may_hold_fewer_connections_than_this_machine() -> None:
    """On this machine all programs share an address; elsewhere they do not."""
    crowd = Crowd(remote=1, local=2)

    assert [crowd.enter(who) for who in ("10.0.0.1", "10.0.0.1", "127.0.0.1", "127.0.0.1", "10.0.0.2")] == [
        True, False, True, True, True,
    ]  # fmt: skip

from __future__ import annotations

import contextlib
import json
import statistics
import sys
import time
from pathlib import Path

import pytest
from starlette.routing import Route, WebSocketRoute
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from tests.api.raw import answer, ask, connection
from tests.api.serving import TOKEN, Shim, settings_in, shim, until
from vidra.api.bodies import LARGEST as LARGEST_BODY
from vidra.api.crowd import Crowd
from vidra.api.failed_tokens import FailedTokens
from vidra.api.guard import MEDIA
from vidra.api.listening import PatientProtocol
from vidra.api.tokens import check_strength, matches
from vidra.credentials.server_token import LONGEST, TokenFile
from vidra.errors import CredentialError, UsageError


@pytest.fixture
def served(lasting: Shim) -> Shim:
    """Ask the lasting shim: what is refused leaves nothing behind."""
    return lasting


FREE = {"/", "/healthz", "/readyz"}
WRONG = [
    "",
    "x",
    TOKEN[:-1],
    TOKEN + "x",
    TOKEN.upper(),
    "é" * 43,
    "Bearer",
    f"Basic {TOKEN}",
    TOKEN[1:] + TOKEN[0],
    "x" * 8000,
    f"Bearer  {TOKEN} x",
    f"{TOKEN},{TOKEN}",
]


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


@pytest.mark.parametrize("shown", WRONG, ids=range(len(WRONG)))
def test_a_wrong_token_is_a_401_with_the_same_body(served: Shim, shown: str) -> None:
    """API-02: whatever is wrong with it, nobody learns what."""
    status, text = ask(
        served.port, f"GET /api/jobs HTTP/1.1\nHost: 127.0.0.1:{served.port}\nAuthorization: {shown}"
    )

    assert status == 401
    assert text.endswith(b'{"error":"token_missing_or_invalid"}')


@pytest.mark.parametrize("shown", ["x" * 2**20, "\x00", f"{TOKEN}\x00", f"{TOKEN}\r\n x"])
def test_a_head_that_is_no_head_never_gets_as_far_as_the_token(served: Shim, shown: str) -> None:
    """API-02: a megabyte, a NUL, a folded line: refused by whoever reads the head, and never a 500."""
    status, _ = ask(
        served.port, f"GET /api/jobs HTTP/1.1\nHost: 127.0.0.1:{served.port}\nAuthorization: {shown}"
    )

    assert status in {0, 400, 401, 431}


@pytest.mark.parametrize("host", ["x/?", "127.0.0.1:{port}/?", "127.0.0.1:{port}/healthz?"])
def test_no_host_header_makes_a_path_free(served: Shim, host: str) -> None:
    """API-04: on every route there is, without a token; the path is taken from the request line alone."""
    for method, path in _routes(served):
        name = host.format(port=served.port)
        status, _ = ask(served.port, f"{method} {path} HTTP/1.1\nHost: {name}\nConnection: close")
        assert status == 400, (method, path)


@pytest.mark.parametrize(
    "headers",
    [
        f"Authorization: Bearer {TOKEN}",
        f"Authorization: bearer {TOKEN}",
        f"Authorization: {TOKEN}",
        f"X-API-Token: {TOKEN}",
        f"X-API-Key: {TOKEN}",
        f"Authorization: Bearer {TOKEN}\nX-API-Token: {TOKEN}",
    ],
)
def test_the_token_is_taken_wherever_the_contract_says(served: Shim, headers: str) -> None:
    """Bearer in any case, bare, or in its own header."""
    assert ask(served.port, f"GET /api/jobs HTTP/1.1\nHost: 127.0.0.1:{served.port}\n{headers}")[0] == 200


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


@pytest.mark.parametrize("size", [LARGEST_BODY + 1, 4 * 1024 * 1024])
def test_a_body_that_is_too_large_is_refused(served: Shim, size: int) -> None:
    """API-09: by its announced length, and without one by counting."""
    common = f"POST /api/jobs HTTP/1.1\nHost: 127.0.0.1:{served.port}\nX-API-Token: {TOKEN}"
    common += "\nContent-Type: application/json"
    assert ask(served.port, f"{common}\nContent-Length: {size}", b" " * 1000)[0] == 413
    chunk = b"1000\r\n" + b" " * 4096 + b"\r\n"
    with connection(served.port) as sock:
        sock.sendall(common.replace("\n", "\r\n").encode() + b"\r\nTransfer-Encoding: chunked\r\n\r\n")
        sock.sendall(chunk * (LARGEST_BODY // 4096 + 1))
        assert sock.recv(100).startswith(b"HTTP/1.1 413")


def test_a_body_of_the_largest_size_is_read(served: Shim) -> None:
    """API-09: the bound itself is allowed; what is wrong with this one is its content."""
    with served.client() as client:
        reply = client.post(
            "/api/jobs",
            content=b'{"urls":"' + b"x" * (LARGEST_BODY - 11) + b'"}',
            headers={"content-type": "application/json"},
        )

    assert reply.status_code == 422


@pytest.mark.parametrize(
    "body",
    [
        "",
        "{",
        "[]",
        '"x"',
        "NaN",
        '{"urls":NaN}',
        '{"urls":1e999}',
        '{"urls":"a","urls":"b"}',
        "[" * 100_00,
        '{"a":' * 25 + "1" + "}" * 25,
        '{"a":' + "9" * 5000 + "}",
        '{"a":99999999999999999999}',
        '{"urls":"\\ud800"}',
        '{"urls":"a\\u0000b"}',
        "\x00",
        '{"urls":"\x1b[2J"}',
        "\ufeff{}",
        "{'urls':1}",
    ],
    ids=range(18),
)
def test_bad_json_is_a_400_that_says_so(served: Shim, body: str) -> None:
    """What parsers disagree about never reaches a route."""
    with served.client() as client:
        reply = client.post("/api/jobs", content=body.encode(), headers={"content-type": "application/json"})

    assert reply.status_code == 400
    assert reply.json()["error"] == "invalid_json_payload"
    assert "json" in reply.json()["detail"]


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
def test_json_under_another_name_is_refused(served: Shim, media_type: str) -> None:
    """API-08: a page may post such types without asking first."""
    with served.client() as client:
        reply = client.post("/api/jobs", content=b"{}", headers={"content-type": media_type})

    assert reply.status_code == 415


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


def test_headers_are_bounded(served: Shim) -> None:
    """A head of more than 16 KiB is not read to its end."""
    status, _ = ask(served.port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{served.port}\nX-Long: {'x' * 20_000}")

    assert status == 431


def test_half_a_head_is_hung_up_on(served: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    """API-12: many peers that never finish asking hold nobody up, and are let go."""
    monkeypatch.setattr(PatientProtocol, "patience", 0.5)
    with contextlib.ExitStack() as stack:
        socks = [stack.enter_context(connection(served.port)) for _ in range(60)]
        for sock in socks:
            sock.sendall(b"GET / HTTP/1.1\r\nHost: 127")
        assert ask(served.port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{served.port}")[0] == 200
        assert [answer(sock) for sock in socks] == [(0, b"")] * 60


def test_an_open_websocket_has_no_deadline(served: Shim, monkeypatch: pytest.MonkeyPatch) -> None:
    """API-12: the clock that hangs up on half a head must stop at the upgrade."""
    monkeypatch.setattr(PatientProtocol, "patience", 0.3)
    with connect(served.socket_url("/ws/overview")) as sock:
        sock.recv(timeout=5)
        with pytest.raises(TimeoutError):
            sock.recv(timeout=0.8)


def test_a_rotated_token_counts_at_once(tmp_path: Path) -> None:
    """Without a restart: the old one is refused, and streams that were opened with it are closed."""
    tokens = TokenFile(tmp_path / "data" / "server_token")
    with shim(tmp_path, tokens=tokens) as served:
        served.token = tokens.current()
        with connect(served.socket_url("/ws/overview")) as socket, served.client() as client:
            assert client.get("/api/jobs").status_code == 200
            new = TokenFile(tokens.path).rotate()
            assert client.get("/api/jobs").status_code == 401
            until(lambda: _is_closed(socket), "the socket is closed")
            assert socket.close_code == 1008
            assert client.get("/api/jobs", headers={"X-API-Token": new}).status_code == 200


def _is_closed(socket: object) -> bool:
    try:
        socket.recv(timeout=0.05)  # type: ignore[attr-defined]  # a websockets connection
    except TimeoutError:
        return False
    except OSError:
        return True
    except Exception as error:  # noqa: BLE001 - ConnectionClosed of whichever kind
        return "Closed" in type(error).__name__
    return False


def test_the_token_file_is_made_once_and_private(tmp_path: Path) -> None:
    """43 random characters, mode 0600, the same for everybody who looks."""
    path = tmp_path / "data" / "server_token"
    token = TokenFile(path).current()

    assert TokenFile(path).current() == token
    assert len(token) >= 43
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_damaged_token_file_is_an_error(tmp_path: Path) -> None:
    """An empty token would let everybody in."""
    path = tmp_path / "server_token"
    path.write_text(" \n")

    with pytest.raises(CredentialError, match="rotate"):
        TokenFile(path).current()


def test_a_weak_token_keeps_the_server_on_this_machine() -> None:
    """API-01: listening to the network wants 32 characters."""
    check_strength("short", "127.0.0.1")
    with pytest.raises(UsageError, match=r"refusing to listen on 0\.0\.0\.0"):
        check_strength("short", "0.0.0.0")


@pytest.mark.parametrize("shown", [None, "", "x" * 100_000, "\udcff", "é"])
def test_comparing_takes_any_text(shown: str | None) -> None:
    """API-02: a comparison that raises would be a 500."""
    assert not matches(shown, TOKEN)


def test_comparing_takes_as_long_wherever_the_difference_is() -> None:
    """API-02: ten thousand tries with the first character wrong, and as many with the last."""
    token = "t" * LONGEST
    first, last = "x" + token[1:], token[:-1] + "x"
    spent: dict[str, list[float]] = {first: [], last: []}
    for _ in range(100):  # in turns, so that both meet the same noise
        for shown, times in spent.items():
            began = time.perf_counter()
            for _ in range(100):
                matches(shown, token)
            times.append(time.perf_counter() - began)
    early, late = (statistics.median(times) for times in spent.values())

    assert abs(early - late) < 0.05 * max(early, late)


@pytest.mark.long
@pytest.mark.timeout(300)
def test_the_wire_tells_no_more_of_the_token(served: Shim) -> None:
    """API-02: ten thousand requests; what differs is less than what two halves of the same differ by."""
    head = f"GET /api/jobs HTTP/1.1\r\nHost: 127.0.0.1:{served.port}\r\nX-API-Token: "
    shown = {"first": "x" + TOKEN[1:], "last": TOKEN[:-1] + "x"}
    spent: dict[str, list[float]] = {name: [] for name in shown}
    with connection(served.port) as sock:
        for _ in range(5_000):
            for name, token in shown.items():
                request = f"{head}{token}\r\n\r\n".encode()
                began = time.perf_counter()
                sock.sendall(request)
                assert answer(sock)[0] == 401
                spent[name].append(time.perf_counter() - began)
    medians = {name: statistics.median(times) for name, times in spent.items()}
    halves = [statistics.median(spent["first"][:2500]), statistics.median(spent["first"][2500:])]
    noise = max(abs(halves[0] - halves[1]), 0.02 * halves[0])
    sys.stdout.write(f"401 after {medians}, two halves of the same {halves}\n")

    assert abs(medians["first"] - medians["last"]) <= noise


def test_health_tells_strangers_who_we_are(served: Shim) -> None:
    """The released client adopts by this reply (contract, section 7.3)."""
    reply = json.loads(
        ask(served.port, f"GET / HTTP/1.1\nHost: 127.0.0.1:{served.port}")[1].split(b"\r\n\r\n")[1]
    )

    assert reply["service"] == "Vidra Download Service"
    assert reply["api_url"] == f"http://127.0.0.1:{served.port}/api/"
    assert reply["job_socket_base_url"] == f"ws://127.0.0.1:{served.port}/ws/jobs/"
    assert reply["overview"] == {"total": 0, "active": 0, "queued": 0, "status_counts": {}}


def test_wrong_tokens_are_slowed_down_and_the_right_one_is_not(tmp_path: Path) -> None:
    """After ten in a minute: 429 that says when to come back; who shows none is told 401 as ever."""
    with shim(tmp_path) as served:
        with served.stranger(**{"X-API-Token": "wrong"}) as client:
            replies = [client.get("/api/jobs") for _ in range(12)]
        with served.stranger() as stranger, served.client() as owner:
            missing, right = stranger.get("/api/jobs"), owner.get("/api/jobs")

    assert [reply.status_code for reply in replies] == [401] * 10 + [429] * 2
    assert 1 <= int(replies[-1].headers["retry-after"]) <= 6
    assert (missing.status_code, right.status_code) == (401, 200)


def test_tries_come_back_and_addresses_are_forgotten() -> None:
    """Ten a minute are one every six seconds; a thousand addresses are remembered, not a million."""
    moment = [0.0]
    failed = FailedTokens(now=lambda: moment[0])
    assert [failed.note("a") for _ in range(12)] == [0] * 10 + [6, 6]
    moment[0] += 6.5
    assert [failed.note("a"), failed.note("a")] == [0, 6]
    for number in range(5000):
        failed.note(f"10.0.{number // 256}.{number % 256}")
    assert len(failed) == 1024


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

"""How much of a request is read, for how long, and what of it is JSON."""

from __future__ import annotations

import contextlib

import pytest

from tests.api.raw import answer, ask, connection
from tests.api.serving import TOKEN, Shim
from vidra.api.bodies import LARGEST as LARGEST_BODY
from vidra.api.listening import PatientProtocol


@pytest.fixture
def served(lasting: Shim) -> Shim:
    """Ask the lasting shim: what is refused leaves nothing behind."""
    return lasting


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

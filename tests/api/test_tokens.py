"""The token: where it is taken, how it is compared, kept and replaced, and who is slowed down."""

from __future__ import annotations

import statistics
import sys
import time
from pathlib import Path

import pytest
from websockets.sync.client import connect

from tests.api.raw import answer, ask, connection
from tests.api.serving import TOKEN, Shim, shim, until
from vidra.api.failed_tokens import FailedTokens
from vidra.api.tokens import check_strength, matches
from vidra.credentials.server_token import LONGEST, TokenFile
from vidra.errors import CredentialError, UsageError

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


@pytest.fixture
def served(lasting: Shim) -> Shim:
    """Ask the lasting shim: what is refused leaves nothing behind."""
    return lasting


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

"""The wire on real sockets: what each fault means, who gets the token, and failing over midway."""

from __future__ import annotations

import asyncio
import ssl
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import TypeVar

import httpx
import pytest
import trustme
from pydantic import SecretStr

from tests.servers.fake_plex import FakePlex
from tests.servers.serving import (
    Faulty,
    Served,
    black_hole,
    plex_direct_name,
    refused_url,
    resetting,
    served,
    tls_options,
    trusting,
)
from tests.servers.sources import IDENTITY, NOW, PLEX_TOKEN
from vidra.clock import ManualClock
from vidra.connections import Candidate, Keeper, Limits, ProbeFailure, Standing, probe_all
from vidra.errors import AuthRequired, Missing, Refused, RemoteError, TryLater, WrongServer
from vidra.servers.interface import ItemKind, Section, SectionKind
from vidra.servers.plex import PlexServer, probe_plex
from vidra.servers.plex_direct import address_in
from vidra.servers.pool import open_pool
from vidra.servers.wire import exchange, translated

FILMS = Section(id="1", title="Films", kind=SectionKind.MOVIES)
T = TypeVar("T")


def _library(films: int = 3) -> FakePlex:
    fake = FakePlex()
    fake.add_section("1", "Films", "movie")
    for number in range(1, films + 1):
        fake.add("1", "movie", number, f"Film {number}")
    return fake


def _with_client(
    work: Callable[[httpx.AsyncClient], Awaitable[T]], verify: ssl.SSLContext | None = None
) -> T:
    async def main() -> T:
        async with open_pool(verify=verify) as client:
            return await work(client)

    return asyncio.run(main())


def _server(
    client: httpx.AsyncClient, *candidates: Candidate, primary: str | None = None
) -> tuple[PlexServer, Keeper]:
    """Return a server that is reached by a keeper over these addresses, as the tasks will build it."""
    probe = partial(probe_plex, client=client, machine_id="machine-1")
    keeper = Keeper(Standing(candidates=candidates, primary=primary), probe, clock=ManualClock(NOW))
    server = PlexServer(
        client=client, route=keeper, machine_id="machine-1", token=SecretStr(PLEX_TOKEN), identity=IDENTITY
    )
    return server, keeper


@pytest.fixture
def faulty() -> Iterator[tuple[Faulty, Served]]:
    """Serve a small library with a switch for faults."""
    app = Faulty(_library().app())
    with served(app) as running:
        yield app, running


@pytest.mark.parametrize(
    ("status", "meaning"),
    [
        (401, AuthRequired), (498, AuthRequired), (403, Refused), (404, Missing), (410, Missing),
        (408, TryLater), (429, TryLater), (500, TryLater), (503, TryLater),
        (400, Refused), (302, Refused), (200, Refused),
    ],
)  # fmt: skip
def test_every_status_has_one_of_three_meanings(
    faulty: tuple[Faulty, Served], status: int, meaning: type[RemoteError]
) -> None:
    """D1-16: retries depend on it. A 200 that is no JSON is a captive portal; a redirect is not followed."""
    app, running = faulty
    app.status, app.only = status, "/library"
    app.headers = {"location": "http://127.0.0.1:1/steal"} if status == 302 else {}

    with pytest.raises(meaning) as caught:
        _with_client(lambda client: _server(client, Candidate(uri=running.url))[0].sections())
    assert type(caught.value) is meaning
    assert app.requests.count("/library/sections") == 1


@pytest.mark.parametrize(
    ("header", "seconds"), [("7", 7.0), ("Fri, 20 Nov 2026 20:01:00 GMT", 60.0), ("soon", None), ("", None)]
)
def test_the_wish_of_a_busy_server_is_read(
    faulty: tuple[Faulty, Served], header: str, seconds: float | None
) -> None:
    """D1-16: `Retry-After` as a number or a date."""
    app, running = faulty
    app.status, app.headers = 429, {"retry-after": header}

    with pytest.raises(TryLater) as caught:
        _with_client(lambda client: exchange(client, "GET", running.url, clock=ManualClock(NOW)))
    assert (caught.value.status, caught.value.retry_after) == (429, seconds)


def test_every_error_of_the_http_library_has_a_meaning() -> None:
    """An unmapped one would reach people as a traceback."""
    todo: list[type[httpx.HTTPError]] = [httpx.HTTPError]
    seen: list[type[httpx.HTTPError]] = []
    while todo:
        kind = todo.pop()
        seen.append(kind)
        todo += kind.__subclasses__()
    raised = [kind for kind in seen if issubclass(kind, httpx.RequestError)]
    errors = [kind("text", request=httpx.Request("GET", "http://x")) for kind in raised]
    kinds = {type(error).__name__: type(translated(error, "http://x")) for error in errors}

    assert len(kinds) > 12
    assert set(kinds.values()) == {TryLater, Refused}
    assert kinds["ConnectTimeout"] is TryLater
    assert kinds["UnsupportedProtocol"] is Refused


def test_one_check_tells_every_kind_of_address_apart(tmp_path: Path) -> None:
    """D1 discovery: only the right machine over sound TLS counts, and nobody sees a token."""
    own, other, authority = _library(), FakePlex(machine_id="another"), trustme.CA()
    with ExitStack() as stack:
        good = stack.enter_context(served(own.app(), "127.0.0.2"))
        wrong = stack.enter_context(served(other.app(), "127.0.0.3"))
        busy = Faulty(own.app())
        busy.status = 503
        unsound = stack.enter_context(
            served(own.app(), "127.0.0.4", **tls_options(authority, "127.0.0.4", tmp_path))
        )
        uris = [
            good.url,
            wrong.url,
            stack.enter_context(black_hole("127.0.0.5")),
            stack.enter_context(resetting("127.0.0.6")),
            refused_url("127.0.0.7"),
            stack.enter_context(served(busy, "127.0.0.8")).url,
            unsound.url,
        ]
        candidates = [Candidate(uri=uri) for uri in uris]
        began = time.monotonic()
        results = _with_client(
            lambda client: probe_all(
                candidates,
                partial(probe_plex, client=client, machine_id="machine-1"),
                limits=Limits(probe=0.5),
            )
        )
        took = time.monotonic() - began

    assert [result.failure for result in results] == [
        None, ProbeFailure.REFUSED, ProbeFailure.TIMEOUT, ProbeFailure.UNREACHABLE, ProbeFailure.UNREACHABLE,
        ProbeFailure.UNREACHABLE, ProbeFailure.REFUSED,
    ]  # fmt: skip
    assert took < 2
    for asked, *_ in own.exchanges + other.exchanges:
        assert "token" not in f"{asked.url}{dict(asked.headers)}"


def test_plex_direct_names_are_dialled_without_a_resolver(tmp_path: Path) -> None:
    """D1-6: without DNS or Internet; the address is in the name, the certificate is for the name."""
    authority, name = trustme.CA(), plex_direct_name("127.0.0.9")
    with served(_library().app(), "127.0.0.9", **tls_options(authority, name, tmp_path)) as running:
        uri = f"https://{name}:{running.port}"
        sections = _with_client(
            lambda client: _server(client, Candidate(uri=uri, local=True))[0].sections(), trusting(authority)
        )
        with pytest.raises(WrongServer, match="no sound TLS"):
            _with_client(
                lambda client: exchange(client, "GET", f"{running.url}/identity"), trusting(authority)
            )

    assert [section.title for section in sections] == ["Films"]


@pytest.mark.parametrize(
    ("host", "address"),
    [
        (plex_direct_name("192.168.1.5"), "192.168.1.5"),
        (f"2001-db8--1.{'a' * 32}.plex.direct", "2001:db8::1"),
        ("plex.direct", None),
        (f"999-1-1-1.{'a' * 32}.plex.direct", None),
        (f"1-2-3-4.{'a' * 32}.plex.direct.evil.com", None),
    ],
)
def test_only_real_plex_direct_names_spell_an_address(host: str, address: str | None) -> None:
    """Anything else goes through the resolver as usual."""
    assert address_in(host) == address


def test_the_token_goes_to_matched_addresses_only() -> None:
    """D1-5: the stored primary now belongs to another machine; the next one is ours."""
    own, other = _library(), FakePlex(machine_id="another", tokens={PLEX_TOKEN})
    with served(other.app(), "127.0.0.2") as wrong, served(own.app(), "127.0.0.3") as right:
        candidates = (Candidate(uri=wrong.url, local=True), Candidate(uri=right.url))
        sections = _with_client(lambda client: _server(client, *candidates, primary=wrong.url)[0].sections())

    assert len(sections) == 1
    assert all("x-plex-token" not in asked.headers for asked, *_ in other.exchanges)


def test_a_missing_item_is_asked_for_once() -> None:
    """D2-2: a 404 is an answer, not a broken connection."""
    fake = _library()
    with served(fake.app(), "127.0.0.2") as one, served(fake.app(), "127.0.0.3") as two:
        candidates = (Candidate(uri=one.url), Candidate(uri=two.url))
        with pytest.raises(Missing):
            _with_client(lambda client: _server(client, *candidates, primary=one.url)[0].item("4711"))

    assert [asked.url.path for asked, *_ in fake.exchanges] == ["/identity", "/library/metadata/4711"]


async def _read_while(server: PlexServer, after_first: Callable[[], None]) -> tuple[list[str], float]:
    """List a library by tens, calling back after the first page; return ids and the longest wait."""
    ids: list[str] = []
    longest, last = 0.0, time.monotonic()
    async for page in server.items(FILMS, ItemKind.MOVIE, page_size=10):
        longest, last = max(longest, time.monotonic() - last), time.monotonic()
        if not ids:
            await asyncio.to_thread(after_first)
            last = time.monotonic()
        ids += [item.id for item in page.items]
    return ids, longest


@pytest.mark.parametrize("how", ["dies", "hangs"])
def test_a_read_goes_on_over_another_address(how: str) -> None:
    """D1-9, D2-1: nothing twice, nothing from zero, with the token; the next answer within 2 s."""
    fake = _library(films=60)
    first = Faulty(fake.app())
    one = Served(first, "127.0.0.2")
    faults: dict[str, Callable[[], None]] = {"dies": one.stop, "hangs": lambda: setattr(first, "hangs", True)}
    try:
        with served(fake.app(), "127.0.0.3") as two:
            candidates = (Candidate(uri=one.url, local=True), Candidate(uri=two.url))

            async def work(client: httpx.AsyncClient) -> tuple[list[str], float]:
                server, _ = _server(client, *candidates, primary=one.url)
                return await _read_while(server, faults[how])

            ids, longest = _with_client(work)
    finally:
        first.hangs = False
        if how == "hangs":
            one.stop()

    assert ids == [str(n) for n in range(1, 61)]
    assert longest < 2.0


def test_a_slow_answer_is_waited_for_while_the_server_lives(faulty: tuple[Faulty, Served]) -> None:
    """A large library takes its time; that is no reason to start over elsewhere."""
    app, running = faulty
    app.delay, app.only = 1.8, "/library/sections"
    sections = _with_client(lambda client: _server(client, Candidate(uri=running.url))[0].sections())

    assert len(sections) == 1
    assert app.requests.count("/library/sections") == 1


def test_requests_of_one_operation_run_side_by_side(faulty: tuple[Faulty, Served]) -> None:
    """D1-13: five shows at once must not wait for each other."""
    app, running = faulty
    app.delay, app.only = 0.3, "/library/metadata"

    async def work(client: httpx.AsyncClient) -> float:
        server, _ = _server(client, Candidate(uri=running.url))
        await server.sections()
        began = time.monotonic()
        await asyncio.gather(*(server.item("1") for _ in range(5)))
        return time.monotonic() - began

    assert _with_client(work) < 0.9


def test_after_a_failover_the_stream_is_on_the_new_address() -> None:
    """D1-9: not on that of an object made before."""
    fake = _library()
    with served(fake.app(), "127.0.0.3") as alive:
        dead = refused_url("127.0.0.2")
        candidates = (Candidate(uri=dead, local=True), Candidate(uri=alive.url))
        stream = _with_client(lambda client: _server(client, *candidates, primary=dead)[0].stream("1"))

    assert stream.url.startswith(alive.url)


def test_an_endless_answer_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    """A broken or hostile server must not eat the memory."""
    monkeypatch.setattr("vidra.servers.wire.LARGEST_ANSWER", 300)
    with served(_library(films=50).app()) as running, pytest.raises(Refused, match="more than 300 bytes"):
        _with_client(lambda client: _server(client, Candidate(uri=running.url))[0].sections())


@pytest.mark.parametrize("token", ["", "line\nend", "ümlaut", ' spaced"'])
def test_a_token_that_cannot_be_one_is_not_sent(token: str) -> None:
    """The HTTP library would name it in its error message."""

    async def work(client: httpx.AsyncClient) -> None:
        probe = partial(probe_plex, client=client, machine_id="machine-1")
        keeper = Keeper(Standing(), probe, clock=ManualClock(NOW))
        PlexServer(client=client, route=keeper, machine_id="m", token=SecretStr(token), identity=IDENTITY)

    with pytest.raises(AuthRequired, match="sign in again") as caught:
        _with_client(work)
    assert not token or token not in str(caught.value)


def test_the_pool_asks_nobody_in_between(
    faulty: tuple[Faulty, Served], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """A proxy or `.netrc` of the environment must not see what goes to a server at home."""
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login me password secret")
    monkeypatch.setenv("NETRC", str(tmp_path / ".netrc"))
    for name in ("HTTP_PROXY", "ALL_PROXY", "http_proxy", "all_proxy"):
        monkeypatch.setenv(name, refused_url())
    _, running = faulty
    response = _with_client(lambda client: exchange(client, "GET", f"{running.url}/identity"))

    assert response.status_code == 200
    assert "authorization" not in response.request.headers


def test_many_probes_of_one_address_do_not_wait_for_each_other(faulty: tuple[Faulty, Served]) -> None:
    """A limit of the pool would make a slow server look dead: 60 probes of 0.5 s each take about that."""
    app, running = faulty
    app.delay = 0.5
    results = _with_client(
        lambda client: probe_all(
            [Candidate(uri=running.url)] * 60, partial(probe_plex, client=client, machine_id="machine-1")
        )
    )

    assert all(result.available for result in results)


def test_hundreds_of_silent_addresses_cost_one_limit() -> None:
    """The sum of the limits would be minutes."""
    with ExitStack() as stack:
        silent = [stack.enter_context(black_hole("127.0.0.5")) for _ in range(200)]
        probe = [Candidate(uri=uri) for uri in silent]
        began = time.monotonic()
        results = _with_client(
            lambda client: probe_all(
                probe, partial(probe_plex, client=client, machine_id="machine-1"), limits=Limits(probe=1.0)
            )
        )
        took = time.monotonic() - began

    assert {result.failure for result in results} == {ProbeFailure.TIMEOUT}
    assert took < 5


def test_an_idle_connection_that_was_just_closed_is_no_failure() -> None:
    """A server ends idle connections when it likes; a read is asked once more, a change is not."""
    calls: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        calls.append(request.method)
        if len(calls) == 1:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.")
        return httpx.Response(200, json={})

    async def ask(method: str) -> int:
        async with httpx.AsyncClient(transport=httpx.MockTransport(answer)) as client:
            return (await exchange(client, method, "http://server.test/")).status_code

    assert asyncio.run(ask("GET")) == 200
    assert calls == ["GET", "GET"]
    calls.clear()
    with pytest.raises(TryLater):
        asyncio.run(ask("POST"))
    assert calls == ["POST"]

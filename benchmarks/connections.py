"""Choosing connections: against plexapi's `connect()` in the same run, and at scale.

Servers are real sockets on several loopback addresses. The check of 200 sources runs in a process of
its own, so that its memory is its own.
"""

from __future__ import annotations

import asyncio
import random
import subprocess
import sys
import time
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from functools import partial
from types import SimpleNamespace
from typing import Any
from xml.etree import ElementTree as ET

import requests
from pydantic import SecretStr

from benchmarks.connection_round import ADDRESSES, PROBE_LIMIT, SOURCES, TOKEN
from benchmarks.figures import Figure
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Faulty, Served, black_hole, served
from vidra.clock import SYSTEM_CLOCK
from vidra.connections import (
    Candidate,
    Event,
    Keeper,
    ProbeResult,
    Standing,
    connect,
    decide,
)
from vidra.servers.interface import ClientIdentity, ItemKind, Section, SectionKind
from vidra.servers.plex import PlexServer, probe_plex
from vidra.servers.pool import open_pool

LATENCY = 0.05
ROUNDS = 1000


def run() -> list[Figure]:
    """Measure a silent address, a death midway, a large check, and a thousand noisy ones."""
    return [_silent_address(), *_death_midway(), *_large_check(), *_noise()]


def _fake(films: int) -> FakePlex:
    fake = FakePlex()
    fake.add_section("1", "Films", "movie")
    for number in range(films):
        fake.add("1", "movie", number + 1, f"Film {number}")
    return fake


def _silent_address() -> Figure:
    """Time the choice among a local address that never answers, a remote one and a relay."""
    app = Faulty(_fake(1).app())
    app.delay = LATENCY
    with (
        black_hole("127.0.0.5") as silent,
        served(app, "127.0.0.6") as remote,
        served(app, "127.0.0.7") as relay,
    ):
        candidates = [
            Candidate(uri=silent, local=True),
            Candidate(uri=remote.url),
            Candidate(uri=relay.url, relay=True),
        ]
        ours = asyncio.run(_time_to_connect(candidates))
        peer = _plexapi_connect(candidates)
    return Figure(
        name="usable connection beyond the best one's own latency, one address silent",
        ours=ours - LATENCY,
        unit="s",
        peer=peer - LATENCY,
        peer_name="plexapi connect()",
        target=0.15,
    )


async def _time_to_connect(candidates: list[Candidate]) -> float:
    async with open_pool() as client:
        probe = partial(probe_plex, client=client, machine_id="machine-1")
        await connect(candidates, probe)  # the first call pays for imports
        began = time.perf_counter()
        contest = await connect(candidates, probe)
        took = time.perf_counter() - began
    assert contest.winner is not None
    assert contest.winner.candidate.uri == candidates[1].uri
    return took


def _plexapi_connect(candidates: list[Candidate]) -> float:
    from plexapi.myplex import MyPlexResource  # noqa: PLC0415 - only this peer needs it

    root = ET.Element("resource", {"provides": "server", "accessToken": TOKEN, "name": "x", "owned": "1"})
    connections = ET.SubElement(root, "connections")
    for candidate in candidates:
        scheme, _, place = candidate.uri.partition("://")
        address, _, port = place.partition(":")
        flags = {"local": str(int(candidate.local)), "relay": str(int(candidate.relay))}
        ET.SubElement(
            connections,
            "connection",
            {"protocol": scheme, "address": address, "port": port, "uri": candidate.uri} | flags,
        )
    build: Any = MyPlexResource
    with requests.Session() as session:
        account = SimpleNamespace(_session=session, _token=TOKEN)
        began = time.perf_counter()
        build(account, root).connect()
        return time.perf_counter() - began


def _death_midway() -> list[Figure]:
    """Time the longest wait for a page while the address in use is killed, or goes silent."""
    return [
        Figure(
            name=f"primary {how} in a library read: next answer",
            ours=_longest_wait(how),
            unit="s",
            target=2.0,
        )
        for how in ("dies", "goes silent")
    ]


def _longest_wait(how: str) -> float:
    app = Faulty(_fake(2000).app())
    one = Served(app, "127.0.0.8")
    with served(_fake(2000).app(), "127.0.0.9") as two:
        try:
            return asyncio.run(_read(one, two, app, how))
        finally:
            app.hangs = False
            if how != "dies":
                one.stop()


async def _read(one: Served, two: Served, app: Faulty, how: str) -> float:
    async with open_pool() as client:
        probe = partial(probe_plex, client=client, machine_id="machine-1")
        known = Standing(
            candidates=(Candidate(uri=one.url, local=True), Candidate(uri=two.url)), primary=one.url
        )
        server = PlexServer(
            client=client,
            route=Keeper(known, probe, clock=SYSTEM_CLOCK),
            machine_id="machine-1",
            token=SecretStr(TOKEN),
            identity=ClientIdentity(identifier="benchmark", version="0"),
        )
        films = Section(id="1", title="Films", kind=SectionKind.MOVIES)
        ids: list[str] = []
        longest, last = 0.0, time.perf_counter()
        async for page in server.items(films, ItemKind.MOVIE):
            longest = max(longest, time.perf_counter() - last)
            ids += [item.id for item in page.items]
            if len(ids) == 1000:
                await asyncio.to_thread(one.stop if how == "dies" else partial(setattr, app, "hangs", True))
            last = time.perf_counter()
    assert ids == [str(n + 1) for n in range(2000)]
    return longest


def _large_check() -> list[Figure]:
    """Probe 200 sources with four addresses each, of which three never answer, in a fresh process."""
    with ExitStack() as stack:
        silent = [stack.enter_context(black_hole("127.0.0.10")) for _ in range(SOURCES * (ADDRESSES - 1))]
        alive = stack.enter_context(served(_fake(1).app(), "127.0.0.11"))
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.connection_round"],
            input="\n".join([alive.url, *silent]),
            stdout=subprocess.PIPE,
            text=True,
            check=True,
        )
    seconds, mebibytes = map(float, done.stdout.split())
    name = f"{SOURCES} sources x {ADDRESSES} addresses in one round"
    return [
        Figure(
            name=f"{name}, of the {PROBE_LIMIT:g} s limit", ours=seconds / PROBE_LIMIT, unit="x", target=1.2
        ),
        Figure(name=f"{name}, peak memory", ours=mebibytes, unit="MiB", target=150),
    ]


def _noise() -> list[Figure]:
    """Simulate a thousand checks of noisy addresses of one class, then one in which the class changes."""
    changes, convergence = 0, 0
    for seed in range(20):
        rng = random.Random(seed)
        local, other, remote = (
            Candidate(uri="a", local=True),
            Candidate(uri="b", local=True),
            Candidate(uri="c"),
        )
        standing, now, changed = (
            Standing(candidates=(local, other, remote)),
            datetime(2026, 1, 1, tzinfo=UTC),
            -1,
        )
        for _ in range(ROUNDS):
            now += timedelta(seconds=30)
            decision = decide(standing, [_noisy(c, rng) for c in (local, other, remote)], now=now)
            standing, changed = decision.standing, changed + (Event.CHANGED in decision.events)
        changes = max(changes, changed)
        fell = decide(standing, [_noisy(remote, rng)], now=now)
        back = decide(fell.standing, [_noisy(remote, rng), _noisy(local, rng)], now=now)
        convergence = max(convergence, 1 if back.new == "a" and fell.new == "c" else 2)
    return [
        Figure(
            name=f"changes of primary in {ROUNDS} noisy checks, worst of 20", ours=changes, unit="", target=1
        ),
        Figure(name="checks until a change of class is followed", ours=convergence, unit="", target=1),
    ]


def _noisy(candidate: Candidate, rng: random.Random) -> ProbeResult:
    spike = rng.uniform(300, 2500) if rng.random() < 0.1 else 0.0
    return ProbeResult(candidate=candidate, response_ms=40 + rng.expovariate(1 / 30) + spike)

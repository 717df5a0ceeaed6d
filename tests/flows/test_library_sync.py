"""The library-sync flow, run for real against fake servers: what is stored, sent, joined and told."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.flows.test_connection_scoring import add_plex, run
from tests.flows.workshop import Workshop, flow_run
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Faulty, served
from tests.servers.sources import plex_with_library
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.interface import RunStatus
from vidra.engine.library.acting import mark, queued, record_changes, report
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue, open_shelf, sync_lock
from vidra.library.status import SyncState
from vidra.settings import Settings, load_settings


@pytest.fixture
def fake() -> FakePlex:
    """Return a server with films and a show."""
    return plex_with_library()


@pytest.fixture
def settings(workshop: Workshop) -> Settings:
    """Return the settings the flow finds, with short waits and secrets in a file."""
    workshop.write_config(
        "credentials: {place: file}\nlibrary: {retry_delay: 0.05, retries: 1}\n"
        "connections: {probe_timeout: 1, budget: 4}\n"
    )
    return load_settings()


def titles(settings: Settings) -> set[str]:
    """Return the titles of the films that are known."""
    with Library(settings.storage) as library:
        return {r["title"] for s in library.shelves() for r in s.catalogue.all() if r["kind"] == "movie"}


@contextmanager
def a_sync_under_way(settings: Settings) -> Iterator[None]:
    """Hold the lock of the library for a second, as a sync that is about to end does."""
    lock = sync_lock(settings.storage, "home")
    assert lock.try_acquire()
    timer = threading.Timer(1.0, lock.release)
    timer.start()
    yield
    timer.join()


def test_the_flow_stores_the_library_and_says_so(
    workshop: Workshop, settings: Settings, fake: FakePlex
) -> None:
    """Films, shows and episodes; when the source was synced; a final state for a person."""
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        outcome = run("library-sync")
    assert outcome.status is RunStatus.COMPLETED, outcome
    assert titles(settings) == {"The Matrix", "Alien", "Brazil"}
    assert "12 added" in flow_run(outcome).state.message
    with workshop.state() as state:
        assert state.sources.get("home").last_sync is not None


def test_a_dry_run_stores_nothing(workshop: Workshop, settings: Settings, fake: FakePlex) -> None:
    """It tells the difference and leaves the library as it was."""
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        outcome = run("library-sync", dry_run=True)
    assert "12 added" in flow_run(outcome).state.message
    assert titles(settings) == set()


def test_a_section_that_fails_is_tried_again_and_leaves_the_run_partial(
    workshop: Workshop, settings: Settings, fake: FakePlex
) -> None:
    """The others are stored; the reason is told."""
    app = Faulty(fake.app())
    app.status, app.only = 500, "/library/sections/2/all"
    with served(app) as server:
        add_plex(workshop, server.url)
        outcome = run("library-sync")
    assert titles(settings) == {"The Matrix", "Alien", "Brazil"}
    assert "partial" in flow_run(outcome).state.message
    assert app.requests.count("/library/sections/2/all") == 2


def test_what_was_watched_is_sent_when_the_server_is_back(
    workshop: Workshop, settings: Settings, fake: FakePlex
) -> None:
    """Three changes to one film while it was away: one call each of what they come to."""
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        run("library-sync")
        with Library(settings.storage) as library, open_queue(settings.storage) as queue:
            film, other = library.find("home/1/movie/1"), library.find("home/1/movie/3")
            shelf = library.shelves("home")[0].store
            for position in (100_000, 900_000, 1_800_000):
                record_changes(queue, shelf, [report(film, position, clock=SYSTEM_CLOCK)])
            record_changes(queue, shelf, [mark(other, watched=True, clock=SYSTEM_CLOCK)])
            assert len(queued(queue)) == 2
            assert library.find("home/1/movie/1").record["position_ms"] == 1_800_000
        run("library-sync", push_only=True)
    assert fake.items["3"]["viewCount"] == 1
    assert [(t["time"], t["duration"]) for t in fake.timelines] == [("1800000", "6000000")]
    assert fake.timelines[0]["offline"] == "1"
    with open_queue(settings.storage) as queue:
        assert queued(queue) == []


def test_a_second_request_joins_the_running_sync(
    workshop: Workshop, settings: Settings, fake: FakePlex
) -> None:
    """It waits for the one that runs and tells how that went; the server is not asked twice."""
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        run("library-sync")
        fake.exchanges.clear()
        with a_sync_under_way(settings):
            outcome = run("library-sync")
    assert "(joined)" in flow_run(outcome).state.message
    assert not [r for r, *_ in fake.exchanges if r.url.path.startswith("/library/sections")]


def test_a_sync_that_began_before_a_download_is_followed_by_another(
    workshop: Workshop, settings: Settings, fake: FakePlex
) -> None:
    """It may have listed the section before the file was there."""
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        run("library-sync")
        fake.add("1", "movie", 9, "Downloaded", addedAt=int(time.time()), updatedAt=int(time.time()))
        with a_sync_under_way(settings):
            outcome = run("library-sync", begun_after=int(time.time()) + 1)
    assert "(joined)" not in flow_run(outcome).state.message
    assert "Downloaded" in titles(settings)


def test_a_source_without_token_fails_alone_and_is_told(workshop: Workshop, settings: Settings) -> None:
    """The run has failed, the reason is stored with the source's library."""
    fake = plex_with_library()
    fake.tokens = {"another"}
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        outcome = run("library-sync")
    assert outcome.status is RunStatus.FAILED
    with Library(settings.storage) as library:
        status = library.shelves("home")[0].status
    assert status is not None
    assert status.state is SyncState.FAILED


def test_a_damaged_library_is_rebuilt_from_the_server(
    workshop: Workshop, settings: Settings, fake: FakePlex
) -> None:
    """What a server has is not worth stopping for; the damaged file is kept aside."""
    with served(fake.app()) as server:
        add_plex(workshop, server.url)
        run("library-sync")
        journal = workshop.root / "data" / "library" / "home.journal"
        damaged = bytearray(journal.read_bytes())
        damaged[200:210] = b"##########"
        journal.write_bytes(damaged)
        run("library-sync", full=True)
    assert titles(settings) == {"The Matrix", "Alien", "Brazil"}
    with open_shelf(settings.storage, "home") as shelf:
        assert shelf.all("items")

"""When a library sync is asked for, and watch state between sources, with flows that run for real."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Any
from uuid import UUID

import pytest
from pydantic import SecretStr

from tests.flows.test_connection_scoring import AT, add_plex, run
from tests.flows.workshop import Workshop
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Faulty, served
from tests.servers.sources import PLEX_TOKEN, plex_with_library
from vidra.clock import SYSTEM_CLOCK
from vidra.connections import Candidate, Standing
from vidra.credentials import Place, open_credentials
from vidra.engine.library.acting import mark, queued, record_changes
from vidra.engine.library.asking import sync_after_download, sync_at_start
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue
from vidra.settings import load_settings
from vidra.state.source_interface import Source, SourceKind

SHORT = "credentials: {place: file}\nconnections: {probe_timeout: 1, budget: 4}\n"


@pytest.fixture
def wishes(workshop: Workshop) -> Iterator[Any]:
    """Have a deployment that nobody works on; yield what returns the requests of its runs."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterId

    workshop.write_config(SHORT)
    with get_client(sync_client=True) as client:
        flow_id = client.create_flow_from_name("library-sync")
        deployment = client.create_deployment(flow_id, "library-sync", enforce_parameter_schema=False)
        mine = DeploymentFilter(id=DeploymentFilterId(any_=[UUID(str(deployment))]))
        yield lambda: [one.parameters["request"] for one in client.read_flow_runs(deployment_filter=mine)]
        client.delete_deployment(deployment)


def add_cabin(workshop: Workshop, url: str, machine_id: str) -> None:
    """Store a second Plex source."""
    standing = Standing(candidates=(Candidate(uri=url, local=True),)).model_dump(mode="json")
    cabin = Source(
        source_id="cabin", name="Cabin", type=SourceKind.PLEX, machine_id=machine_id,
        standing=standing, created_at=AT, updated_at=AT,
    )  # fmt: skip
    with workshop.state() as state:
        state.sources.add(cabin)
    secrets = open_credentials(workshop.root / "data", place=Place.FILE)
    secrets.save("source:cabin", "token", SecretStr(PLEX_TOKEN))


def test_the_start_and_a_download_ask_for_a_sync(workshop: Workshop, wishes: Any) -> None:
    """Of all sources, and of those that heard of files; the owner may switch either off."""
    add_plex(workshop, "http://127.0.0.1:1")
    settings = load_settings()
    assert asyncio.run(sync_after_download(settings, ["attic"])) is not None
    assert asyncio.run(sync_at_start(settings)) is not None
    assert sorted(one["sources"][0] for one in wishes()) == ["attic", "home"]
    workshop.write_config(SHORT + "library: {at_start: false, after_downloads: false}\n")
    assert asyncio.run(sync_at_start(load_settings())) is None
    assert asyncio.run(sync_after_download(load_settings(), ["attic"])) is None


def test_a_download_right_after_another_sync_is_not_swallowed(workshop: Workshop, wishes: Any) -> None:
    """The run that was asked for before it may have begun; of downloads that end together one is made."""
    add_plex(workshop, "http://127.0.0.1:1")
    settings = load_settings()

    async def downloads() -> None:
        """End two downloads right after the start."""
        await sync_at_start(settings)
        await asyncio.sleep(0.1)
        await asyncio.gather(*(sync_after_download(settings, ["home"]) for _ in range(2)))
        await asyncio.sleep(0.1)  # the next stretch of time begins
        await sync_after_download(settings, ["home"])

    asyncio.run(downloads())
    assert len(wishes()) == 3, "the start, the two together, and the last"


def test_a_server_that_is_back_is_told_what_waits(workshop: Workshop, wishes: Any) -> None:
    """The connection check asks for it, once the server answers, and only if something waits."""
    fault = Faulty(plex_with_library().app())
    with served(fault) as server:
        add_plex(workshop, server.url)
        run("library-sync")
        run("connection-scoring")
        assert wishes() == []
        fault.status = 503
        settings = load_settings()
        with Library(settings.storage) as library, open_queue(settings.storage) as queue:
            change = mark(library.find("home/1/movie/1"), watched=True, clock=SYSTEM_CLOCK)
            record_changes(queue, library.shelves("home")[0].store, [change])
        run("connection-scoring")
        assert wishes() == []
        fault.status = None
        run("connection-scoring")
    assert wishes() == [{"sources": ["home"], "push_only": True}]


def test_watch_state_goes_between_sources_both_ways(workshop: Workshop) -> None:
    """What was seen on one server is marked on the other, by external ids, and nothing comes back."""
    workshop.write_config(
        SHORT + "library: {sources: {home: {sync_watched: both}, cabin: {sync_watched: both}}}\n"
    )
    here, there = plex_with_library(), plex_with_library()
    there.machine_id = "machine-2"
    number = {"home": "1", "cabin": "77"}
    there.items["77"] = there.items.pop("1") | {"ratingKey": "77", "key": "/library/metadata/77"}
    for fake, key in ((here, "2"), (there, "2")):
        fake.items[key] |= {"Guid": [{"id": "tmdb://348"}], "viewCount": 0}
    here.items[number["home"]] |= {"viewCount": 1, "lastViewedAt": 1_760_000_000}
    there.items["2"] |= {"viewCount": 1, "lastViewedAt": 1_760_000_000}
    with served(here.app()) as home, served(there.app()) as cabin:
        add_plex(workshop, home.url)
        add_cabin(workshop, cabin.url, "machine-2")
        run("library-sync", sources=["home"])
        run("library-sync", sources=["cabin"])
        run("library-sync")
    assert _views(there, number["cabin"], "2") == [1, 1]
    assert _views(here, number["home"], "2") == [1, 1]
    with open_queue(load_settings().storage) as queue:
        assert queued(queue) == []


def _views(fake: FakePlex, *keys: str) -> list[int]:
    return [fake.items[key].get("viewCount", 0) for key in keys]

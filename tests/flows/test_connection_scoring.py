"""The flows about media servers, run for real: what they store, tell and leave behind."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from tests.flows.workshop import Workshop
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Faulty, served
from tests.servers.sources import PLEX_TOKEN, plex_with_library
from vidra.connections import Candidate, Standing
from vidra.credentials import Place, open_credentials
from vidra.engine.interface import FlowOutcome, RunStatus
from vidra.state.source_interface import Source, SourceKind

AT = "2026-11-20T20:00:00.000000Z"


def add_plex(workshop: Workshop, *urls: str) -> None:
    """Store a Plex source somebody is signed in to."""
    candidates = tuple(Candidate(uri=url, local=True) for url in urls)
    standing = Standing(candidates=candidates).model_dump(mode="json")
    with workshop.state() as state:
        state.sources.add(
            Source(
                source_id="home", name="Home", type=SourceKind.PLEX, machine_id="machine-1",
                standing=standing, created_at=AT, updated_at=AT,
            )
        )  # fmt: skip
    secrets = open_credentials(workshop.root / "data", place=Place.FILE)
    secrets.save("source:home", "token", SecretStr(PLEX_TOKEN))


def run(flow: str, **request: Any) -> FlowOutcome:
    """Run one of the flows in this process against the real server."""
    from vidra.engine.worker.execution import execute, load_flow

    module = flow.replace("-", "_")
    running = execute(
        load_flow(f"flows.{module}.{module}"),
        {"request": request},
        asked=lambda: None,
        on_created=lambda _: None,
    )
    return running.result(90)


def told(workshop: Workshop) -> list[str]:
    """Return the events of the source."""
    with workshop.state() as state:
        return [event.event.value for event in state.sources.events("home")]


@pytest.fixture
def settled(workshop: Workshop) -> Workshop:
    """Return a place with short waits and secrets in a file."""
    workshop.write_config("credentials: {place: file}\nconnections: {probe_timeout: 1, budget: 2}\n")
    return workshop


def test_a_round_is_stored_and_told(settled: Workshop) -> None:
    """After success and failure alike; the run says how many sources were reached."""
    fault = Faulty(plex_with_library().app())
    with served(fault) as server:
        add_plex(settled, server.url)
        first = run("connection-scoring")
        fault.status = 503
        second = run("connection-scoring")
    assert first.status is RunStatus.COMPLETED
    assert "1 of 1 sources reached" in first.message
    assert "0 of 1 sources reached" in second.message
    assert told(settled) == ["source-added", "connection-changed", "connection-lost"]
    with settled.state() as state:
        assert state.sources.get("home").standing["failures"] == 1


def test_events_are_prefects_too_and_the_table_is_left_when_it_changes(settled: Workshop) -> None:
    """Automations may listen; a table every 30 s would be three thousand a day."""
    with served(plex_with_library().app()) as server:
        add_plex(settled, server.url)
        for _ in range(3):
            run("connection-scoring")
    tables = [
        one for one in artifacts("connections") if server.url in str(one.data)
    ]  # others share the server
    assert len(tables) == 1
    event = prefect_event("vidra.connection-changed", "vidra.source.home", new=server.url)
    assert event["payload"]["reason"] == "first_selection"


def test_a_dry_run_only_looks(settled: Workshop) -> None:
    """Nothing is stored, nothing is told."""
    with served(plex_with_library().app()) as server:
        add_plex(settled, server.url)
        outcome = run("connection-scoring", dry_run=True)
    assert "1 of 1" in outcome.message
    assert told(settled) == ["source-added"]


def test_declared_sources_come_with_the_configuration_and_go_with_it(workshop: Workshop) -> None:
    """The flow follows the file; nobody has to add what is declared."""
    films = workshop.root / "films"
    films.mkdir()
    declared = f"sources:\n  films: {{type: local, folders: [{{path: {films}}}]}}\n"
    workshop.write_config(declared)
    run("connection-scoring")
    with workshop.state() as state:
        assert state.sources.get("films").auth_status.value == "authenticated"
    workshop.write_config()
    run("connection-scoring")
    with workshop.state() as state:
        assert not state.sources.list()


def test_a_download_lets_the_server_know(settled: Workshop) -> None:
    """Without an engine the run tells it by itself; the file waits nowhere then."""
    fake = FakePlex()
    fake.add_section("1", "All", "movie", str(settled.root / "library"))
    with served(fake.app()) as server:
        add_plex(settled, server.url)
        job, outcome = settled.download(settled.site.url("/v/vid001.html"))
    assert outcome.status is RunStatus.COMPLETED
    assert job.main_file
    assert fake.refreshed == [("1", str(Path(job.main_file).parent))]


def test_a_server_in_trouble_neither_fails_nor_delays_a_download(settled: Workshop) -> None:
    """It is a line in the job's log, and the file waits."""
    fault = Faulty(plex_with_library().app())
    fault.status = 500
    with served(fault) as server:
        add_plex(settled, server.url)
        job, outcome = settled.download(settled.site.url("/v/vid001.html"))
    assert outcome.status is RunStatus.COMPLETED
    assert job.status.value == "completed"
    assert any("home" in line.message and "500" in line.message for line in settled.log(job))


def artifacts(key: str) -> list[Any]:
    """Return all artifacts of a key."""
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterKey

    with get_client(sync_client=True) as client:
        wanted = ArtifactFilter(key=ArtifactFilterKey(any_=[key]))
        return list(client.read_artifacts(artifact_filter=wanted))


def prefect_event(name: str, resource: str, *, new: str) -> dict[str, Any]:
    """Return the event of that name about that resource, once the server has it; others share the server."""
    from prefect.client.orchestration import get_client

    wanted = {"filter": {"event": {"name": [name]}, "resource": {"id": [resource]}}}
    deadline = time.monotonic() + 30
    with get_client(sync_client=True) as client:
        while True:
            events: list[dict[str, Any]] = client.request("POST", "/events/filter", json=wanted).json()[
                "events"
            ]
            for event in events:
                if event["payload"]["new"] == new:
                    return event
            assert time.monotonic() < deadline, f"no event {name}"
            time.sleep(0.2)

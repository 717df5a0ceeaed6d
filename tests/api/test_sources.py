"""The generic face's routes about media sources."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.api.serving import Shim, settings_in, shim
from tests.servers.serving import Faulty
from tests.servers.serving import served as serving
from tests.servers.sources import PLEX_TOKEN, plex_with_library
from vidra.connections import Candidate, Standing
from vidra.engine.secret_store import configured_credentials
from vidra.settings import Settings
from vidra.state.source_interface import Source, SourceKind

AT = "2026-11-20T20:00:00.000000Z"


def quick(folder: Path, **sections: object) -> Settings:
    """Return settings with short waits and secrets in a file."""
    known = settings_in(folder).model_dump(exclude_unset=True)
    fast = {"probe_timeout": 1.0, "patient_timeout": 1.0, "plex_tv": "http://127.0.0.1:1"}
    return Settings.model_validate(
        {**known, "credentials": {"place": "file"}, "connections": fast, **sections}
    )


def add_plex(running: Shim, url: str) -> None:
    """Store a Plex source somebody is signed in to."""
    standing = Standing(candidates=(Candidate(uri=url, local=True),)).model_dump(mode="json")
    running.state.sources.add(
        Source(
            source_id="home", name="Home", type=SourceKind.PLEX, machine_id="machine-1",
            standing=standing, created_at=AT, updated_at=AT,
        )
    )  # fmt: skip
    configured_credentials(running.settings).save("source:home", "token", SecretStr(PLEX_TOKEN))


def test_sources_are_listed_checked_and_forgotten(tmp_path: Path) -> None:
    """With every address, what happened, and never a token."""
    fault = Faulty(plex_with_library().app())
    with (
        serving(fault) as plex,
        shim(tmp_path, settings=quick(tmp_path)) as running,
        running.client() as client,
    ):
        add_plex(running, plex.url)
        assert client.get("/api/v1/sources").json()["sources"][0]["connection"]["status"] == "unknown"
        checked = client.post("/api/v1/sources/home/check").json()
        assert checked["source"]["connection"] == {
            "status": "online", "uri": plex.url, "class": "local", "until": None,
        }  # fmt: skip
        assert [event["event"] for event in checked["events"]] == ["connection-changed"]
        fault.status = 503
        lost = client.post("/api/v1/sources/home/check").json()
        assert lost["source"]["connection"]["status"] == "offline"
        told = client.get("/api/v1/source-events", params={"source": "home", "limit": 2}).json()["events"]
        assert [event["event"] for event in told] == ["connection-changed", "connection-lost"]
        shown = client.get("/api/v1/sources/home")
        assert shown.json()["auth_status"] in {"authenticated", "unknown"}
        assert PLEX_TOKEN not in shown.text
        assert client.delete("/api/v1/sources/home").json() == {"source_id": "home", "secrets": 1}
        assert client.get("/api/v1/sources").json() == {"sources": []}


@pytest.mark.parametrize(("method", "path"), [("GET", ""), ("POST", "/check"), ("DELETE", "")])
def test_an_unknown_source_is_a_404(served: Shim, method: str, path: str) -> None:
    """As a problem, whatever is asked of it."""
    with served.client() as client:
        answer = client.request(method, f"/api/v1/sources/nobody{path}")
    assert answer.status_code == 404
    assert answer.json()["code"] == "source_not_found"


def test_strangers_learn_nothing_of_sources(served: Shim) -> None:
    """Addresses of a home network are nobody's business."""
    with served.stranger() as client:
        for path in ("sources", "sources/home", "source-events"):
            assert client.get(f"/api/v1/{path}").status_code == 401


def test_a_declared_source_is_not_forgotten_over_http(tmp_path: Path) -> None:
    """It would be back with the next look at the configuration."""
    declared = {"home": {"type": "plex", "url": "http://127.0.0.1:1"}}
    with shim(tmp_path, settings=quick(tmp_path, sources=declared)) as running, running.client() as client:
        add_plex(running, "http://127.0.0.1:1")
        answer = client.delete("/api/v1/sources/home")
    assert answer.status_code == 400
    assert "sources:" in answer.json()["detail"]

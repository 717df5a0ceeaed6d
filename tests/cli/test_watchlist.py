"""`vidra library watchlist`: what an account wants to watch."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from pydantic import SecretStr

from tests.cli.conftest import Vidra
from tests.servers.fake_discover import ACCOUNT_TOKEN, FakeWatchlist
from tests.servers.serving import served
from vidra.credentials import Place, open_credentials
from vidra.state import open_state
from vidra.state.source_interface import Source, SourceKind

AT = "2026-11-20T20:00:00.000000Z"


@pytest.fixture
def plex(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Have a Plex source somebody is signed in to."""
    monkeypatch.setenv("VIDRA_CREDENTIALS__PLACE", "file")
    source = Source(source_id="home", name="Home", type=SourceKind.PLEX, created_at=AT, updated_at=AT)
    with open_state(home / "data") as state:
        state.sources.add(source)
    secrets = open_credentials(home / "data", place=Place.FILE)
    secrets.save("source:home", "account_token", SecretStr(ACCOUNT_TOKEN))


@pytest.mark.usefixtures("plex")
def test_the_watchlist_is_listed_and_changed(vidra: Vidra, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the ids the list shows; as text and as JSON."""
    fake = FakeWatchlist(**{"1": "Dune"})
    with served(fake.app()) as discover:
        monkeypatch.setenv("VIDRA_LIBRARY__DISCOVER_URL", discover.url)
        assert vidra("library", "watchlist", "ls").lines[1].split() == ["1", "movie", "Dune"]
        assert vidra("library", "watchlist", "add", "plex://movie/77").code == 0
        assert vidra("library", "watchlist", "rm", "1").code == 0
        found = json.loads(vidra("library", "watchlist", "ls", "--source", "home", "--json").out)
    assert [(one["id"], one["title"]) for one in found] == [("77", "Film 77")]


def test_what_is_missing_is_said(vidra: Vidra) -> None:
    """An id that is none; no Plex source."""
    assert "as `vidra library watchlist ls` shows it" in vidra("library", "watchlist", "add", "?").err
    said = vidra("library", "watchlist", "ls")
    assert said.code == 2
    assert "there are: none" in said.err

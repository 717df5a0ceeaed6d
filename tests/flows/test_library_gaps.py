"""The library-sync flow fills gaps from TMDB only if that is wanted and there is a key."""

from __future__ import annotations

import pytest
from pydantic import SecretStr

from tests.flows.test_connection_scoring import add_plex, run
from tests.flows.workshop import Workshop, ask_prefect, flow_run
from tests.servers.fake_tmdb import KEY, FakeTmdb
from tests.servers.serving import served
from tests.servers.sources import plex_with_library
from vidra.engine.library.reading import Library
from vidra.engine.library.tmdb_pace import tmdb_limit
from vidra.library.pages import full
from vidra.settings import load_settings


def test_a_sync_fills_gaps_at_the_pace_of_the_key(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Through a Prefect rate limit; without a key the sync is complete all the same and says what to do."""
    fake, tmdb = plex_with_library(), FakeTmdb()
    for number in range(100, 130):
        fake.add("1", "movie", number, f"Film {number}", Guid=[{"id": f"tmdb://{number}"}])
    with served(fake.app()) as server, served(tmdb.app()) as database:
        workshop.write_config(
            "credentials: {place: file}\nconnections: {probe_timeout: 1, budget: 4}\n"
            f"tmdb: {{active: true, per_second: 20, url: '{database.url}/3'}}\n"
        )
        add_plex(workshop, server.url)
        without = flow_run(run("library-sync")).state.message
        assert tmdb.asked == []
        monkeypatch.setenv("VIDRA_TMDB_KEY", KEY)
        with_key = flow_run(run("library-sync")).state.message
    assert "complete" in without
    assert "vidra library tmdb login" in without
    assert "TMDB" not in with_key
    assert len(tmdb.asked) == len(set(tmdb.asked)) == 31
    busiest = max(sum(0 <= later - one < 1 for later in tmdb.moments) for one in tmdb.moments)
    assert busiest <= 20
    with Library(load_settings().storage) as library:
        assert full(library.find("imdb://tt0133093"))["summary"] == "A hacker learns."
    limits = ask_prefect("/v2/concurrency_limits/filter", {})
    (limit,) = [one for one in limits if one["name"] == tmdb_limit(SecretStr(KEY), 20).name]
    assert (limit["limit"], limit["slot_decay_per_second"]) == (4, 12.8)


def test_a_key_that_is_refused_leaves_the_library_complete(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run tells it, without the key."""
    monkeypatch.setenv("VIDRA_TMDB_KEY", "not-the-right-one")
    with served(plex_with_library().app()) as server, served(FakeTmdb().app()) as database:
        workshop.write_config(
            "credentials: {place: file}\nconnections: {probe_timeout: 1, budget: 4}\n"
            f"tmdb: {{active: true, url: '{database.url}/3'}}\n"
        )
        add_plex(workshop, server.url)
        message = flow_run(run("library-sync")).state.message
    assert "12 added" in message
    assert "TMDB does not take the key" in message
    assert "not-the-right-one" not in message

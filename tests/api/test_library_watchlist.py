"""The watchlist over HTTP."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from tests.api.serving import Shim, shim
from tests.api.test_sources import add_plex, quick
from tests.servers.fake_discover import ACCOUNT_TOKEN, FakeWatchlist
from tests.servers.serving import served as serving
from vidra.engine.secret_store import configured_credentials

WATCHLIST = "/api/v1/library/watchlist"


def sign_in(running: Shim) -> None:
    """Keep the account's token."""
    configured_credentials(running.settings).save("source:home", "account_token", SecretStr(ACCOUNT_TOKEN))


def test_the_watchlist_is_shown_and_changed(tmp_path: Path) -> None:
    """As the account has it; a senseless id is refused before Plex hears of it."""
    fake = FakeWatchlist(**{"1": "Dune"})
    with (
        serving(fake.app()) as discover,
        shim(tmp_path, settings=quick(tmp_path, library={"discover_url": discover.url})) as running,
        running.client() as client,
    ):
        add_plex(running, "http://127.0.0.1:1")
        sign_in(running)
        assert client.put(f"{WATCHLIST}/77").status_code == 204
        assert client.delete(f"{WATCHLIST}/1").status_code == 204
        assert client.put(f"{WATCHLIST}/abc").status_code == 400
        shown = client.get(WATCHLIST)
        assert shown.json() == {
            "items": [{"id": "77", "kind": "movie", "title": "Film 77", "year": None, "guids": []}]
        }
        assert ACCOUNT_TOKEN not in shown.text
        with running.stranger() as stranger:
            assert stranger.get(WATCHLIST).status_code == 401


def test_without_a_plex_account_the_answer_says_so(tmp_path: Path) -> None:
    """No source; then one without an account token; neither is a fault of ours."""
    with shim(tmp_path, settings=quick(tmp_path)) as running, running.client() as client:
        nobody = client.get(WATCHLIST)
        add_plex(running, "http://127.0.0.1:1")
        no_token = client.get(WATCHLIST)
    assert nobody.status_code == 400
    assert "one Plex source" in nobody.text
    assert 400 <= no_token.status_code < 600
    assert "vidra source login" in no_token.text

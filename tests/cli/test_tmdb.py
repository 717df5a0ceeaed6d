"""`vidra library tmdb`: a key is tried, kept among the secrets, and forgotten."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.cli.conftest import Vidra
from tests.servers.fake_tmdb import KEY, FakeTmdb
from tests.servers.serving import served
from vidra.engine.library.tmdb_key import tmdb_key
from vidra.settings import load_settings


def test_a_key_is_tried_kept_and_forgotten(vidra: Vidra, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong one is not kept; the environment wins over the kept one; nothing shows it."""
    with served(FakeTmdb().app()) as tmdb:
        config = home / "vidra.yaml"
        config.write_text(f"credentials: {{place: file}}\ntmdb: {{url: '{tmdb.url}/3'}}\n")
        monkeypatch.setenv("VIDRA_CONFIG", str(config))
        monkeypatch.setenv("THE_KEY", "wrong-key-0000")
        wrong = vidra("library", "tmdb", "login", "--secret-env", "THE_KEY")
        assert wrong.code != 0
        assert tmdb_key(load_settings()) is None
        monkeypatch.setenv("THE_KEY", KEY)
        right = vidra("library", "tmdb", "login", "--secret-env", "THE_KEY")
    assert right.code == 0, right.err
    assert "tmdb.active" in right.err
    assert KEY not in right.out + right.err + wrong.err
    kept = tmdb_key(load_settings())
    assert kept is not None
    assert kept.get_secret_value() == KEY
    monkeypatch.setenv("VIDRA_TMDB_KEY", "another-key")
    given = tmdb_key(load_settings())
    assert given is not None
    assert given.get_secret_value() == "another-key"
    assert vidra("library", "tmdb", "logout").code == 0
    assert vidra("library", "tmdb", "logout").code == 1

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vidra.engine.lifecycle.startup_status import Phase, write_status
from vidra.engine.lifecycle.token_rotation import rotate_token, server_token
from vidra.errors import UsageError
from vidra.settings import Settings


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    """Return settings over an empty data folder, no token in the environment."""
    for variable in ("VIDRA_SERVER_TOKEN", "VIDRA_SERVER__TOKEN"):
        monkeypatch.delenv(variable, raising=False)
    return Settings.model_validate({"storage": {"data_dir": tmp_path}})


def test_a_rotated_token_replaces_the_old_one_in_the_status_file(settings: Settings) -> None:
    """A client that adopts the running server by that file must find the token that counts."""
    old = server_token(settings)
    write_status(settings.status_file, Phase.SUCCESS, log_path=settings.log_file, token=old)

    new = rotate_token(settings)

    assert new == server_token(settings) != old
    assert json.loads(settings.status_file.read_text())["token"] == new
    assert settings.status_file.stat().st_mode & 0o777 == 0o600


def test_the_owners_token_is_not_rotated_behind_his_back(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It lives in the environment; the error says where to change it."""
    monkeypatch.setenv("VIDRA_SERVER_TOKEN", "the-owners-own-token-0123456789-0123456789")

    with pytest.raises(UsageError, match="VIDRA_SERVER_TOKEN"):
        rotate_token(settings)
    assert not settings.storage.token_file.exists()

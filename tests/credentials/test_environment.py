"""Overrides for containers: a variable, or a variable that names a file."""

from __future__ import annotations

from pathlib import Path

import pytest
from pydantic import SecretStr

from vidra.credentials import Place, StoredIn, open_credentials
from vidra.credentials.environment import variable
from vidra.errors import CredentialError

KEY = "VIDRA_SECRET_SOURCE_PLEX_1A_TOKEN"


def test_the_variable_is_spelled_from_scope_and_name() -> None:
    """Somebody who writes a compose file has to be able to predict it."""
    assert variable("source:plex-1a", "token") == KEY


def test_a_variable_wins_over_what_is_stored(tmp_path: Path) -> None:
    """The container's owner has the last word."""
    open_credentials(tmp_path, place=Place.FILE, environ={}).save(
        "source:plex-1a", "token", SecretStr("stored-one")
    )
    store = open_credentials(tmp_path, place=Place.FILE, environ={KEY: "given-one"})

    assert store.load("source:plex-1a", "token") == SecretStr("given-one")
    assert store.where("source:plex-1a", "token") is StoredIn.ENVIRONMENT


def test_a_file_variable_is_read_at_each_operation(tmp_path: Path) -> None:
    """Rotating a mounted secret needs no restart; one line end is not part of it."""
    secret_file = tmp_path / "secret"
    store = open_credentials(tmp_path, place=Place.FILE, environ={f"{KEY}_FILE": str(secret_file)})
    for value in ("first value ", "second"):
        secret_file.write_text(f"{value}\n")

        assert store.load("source:plex-1a", "token") == SecretStr(value)


@pytest.mark.parametrize("content", [None, b"", b"\n", b"\xff\xfe"])
def test_an_unusable_file_names_the_variable(tmp_path: Path, content: bytes | None) -> None:
    """Falling back to the stored secret would hide a wrong mount."""
    secret_file = tmp_path / "secret"
    if content is not None:
        secret_file.write_bytes(content)
    store = open_credentials(tmp_path, place=Place.FILE, environ={f"{KEY}_FILE": str(secret_file)})

    with pytest.raises(CredentialError, match=f"{KEY}_FILE"):
        store.load("source:plex-1a", "token")


def test_saving_what_the_environment_overrides_is_refused(tmp_path: Path) -> None:
    """Otherwise the save succeeds and the next load returns something else."""
    store = open_credentials(tmp_path, place=Place.FILE, environ={KEY: "given-one"})

    with pytest.raises(CredentialError, match=KEY):
        store.save("source:plex-1a", "token", SecretStr("another-one"))

"""Replaces the server's token everywhere it is kept."""

from __future__ import annotations

from vidra.credentials.server_token import TokenFile
from vidra.engine.lifecycle.startup_status import Phase, read_status, write_status
from vidra.errors import UsageError
from vidra.settings import Settings, load_secrets


def server_token(settings: Settings) -> str:
    """Return the token that counts: the owner's, or ours, made if there is none yet."""
    configured = load_secrets().server_token
    return configured.get_secret_value() if configured else TokenFile(settings.storage.token_file).current()


def rotate_token(settings: Settings) -> str:
    """Make a new token and return it; a running server follows by itself, and drops who used the old one.

    The start-up status file is told as well, as clients adopt a server by it. Raises `UsageError`
    when the owner's environment sets the token.
    """
    if load_secrets().server_token is not None:
        raise UsageError("the token is set by VIDRA_SERVER_TOKEN: change it there, then restart the server")
    token = TokenFile(settings.storage.token_file).rotate()
    if read_status(settings.status_file).get("token"):
        write_status(settings.status_file, Phase.SUCCESS, log_path=settings.log_file, token=token)
    return token

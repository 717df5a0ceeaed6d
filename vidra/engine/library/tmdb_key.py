"""The owner's key of The Movie Database: from the environment, else from where secrets are kept."""

from __future__ import annotations

from typing import Final

from pydantic import SecretStr

from vidra.engine.secret_store import configured_credentials
from vidra.servers.tmdb import open_tmdb
from vidra.settings import Settings, load_secrets

SCOPE: Final = "tmdb"
NAME: Final = "key"


def tmdb_key(settings: Settings) -> SecretStr | None:
    """Return the key: `VIDRA_TMDB_KEY` or the file `VIDRA_TMDB_KEY_FILE` names, else the stored one.

    May block for seconds. Raises `ConfigError` and `CredentialError`.
    """
    return load_secrets().tmdb_key or configured_credentials(settings).load(SCOPE, NAME)


async def check_key(settings: Settings, key: SecretStr) -> None:
    """Raise `AuthRequired` unless TMDB takes the key, and what else can happen to a request."""
    async with open_tmdb(key, base=settings.tmdb.url) as tmdb:
        await tmdb.check()


def save_key(settings: Settings, key: SecretStr) -> str:
    """Store the key; return where, in a word."""
    return configured_credentials(settings).save(SCOPE, NAME, key).value


def forget_key(settings: Settings) -> bool:
    """Forget the stored key; return whether there was one."""
    return configured_credentials(settings).delete(SCOPE, NAME)

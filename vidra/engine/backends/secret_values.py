"""What `{secret:NAME}` in a declared back end means; read beforehand, as a keyring may take seconds."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Final

from pydantic import SecretStr

from vidra.credentials import CredentialStore
from vidra.credentials.environment import variable
from vidra.engine.secret_store import configured_credentials
from vidra.errors import BackendNotStarted, CredentialError
from vidra.settings import Settings
from vidra.settings.backends import SECRET_REFERENCE, BackendSettings, secret_names

SCOPE: Final = "backend"
"""Scope of these secrets, hence `VIDRA_SECRET_BACKEND_NAME`."""


class BackendSecrets:
    """The secrets of all declared back ends, held in memory; `vidra.redaction` knows each of them."""

    def __init__(self, settings: Settings, store: CredentialStore) -> None:
        self._wanted = {name: _referred_to(declared) for name, declared in settings.backends.items()}
        self._store = store
        self._values: dict[str, str] = {}
        self._problems: dict[str, str] = {}

    def read(self, backend: str | None = None) -> None:
        """Read what this back end, or every one, refers to. May block; a failure is told at its start."""
        wanted = set().union(*self._wanted.values()) if backend is None else self._wanted.get(backend, set())
        for name in wanted:
            self._values.pop(name, None)
            self._problems.pop(name, None)
            try:
                found = self._store.load(SCOPE, name)
            except CredentialError as error:
                self._problems[name] = f"the secret `{name}` cannot be read: {error}"
                continue
            if found is not None:
                self._values[name] = found.get_secret_value()

    async def read_again(self, backend: str) -> None:
        """Read anew what an operator may have mended before starting the back end."""
        await asyncio.to_thread(self.read, backend)

    def reveal_for(self, backend: str) -> Callable[[str], str]:
        """Return what fills the secrets into a text of this back end, as `BackendSpec.reveal` wants it."""

        def reveal(text: str) -> str:
            """Replace each reference; raise `BackendNotStarted` naming the remedy."""
            return SECRET_REFERENCE.sub(lambda found: self._value(backend, found[1]), text)

        return reveal

    def _value(self, backend: str, name: str) -> str:
        if name not in self._values:
            remedy = f"put it into {variable(SCOPE, name)}, or run `vidra backend secret {name}`"
            problem = self._problems.get(name, f"the secret `{name}` is not set: {remedy}")
            raise BackendNotStarted(backend, f"{problem}; then start {backend} again")
        return self._values[name]


def save_secret(name: str, value: str, settings: Settings) -> str:
    """Store what `{secret:NAME}` means; return where. Raises `CredentialError` and `ValueError`."""
    return configured_credentials(settings).save(SCOPE, name, SecretStr(value)).value


def _referred_to(declared: BackendSettings) -> set[str]:
    texts = (*declared.env.values(), *declared.health_headers.values())
    return {name for text in texts for name in secret_names(text)}

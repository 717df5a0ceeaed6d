"""Secrets that live as long as the process, with the same contract as the stored ones."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from pydantic import SecretStr

from vidra.credentials.interface import CredentialStore, StoredIn, check_address
from vidra.redaction import register_secret


class MemoryCredentials(CredentialStore):
    """For tests and for runs that must leave nothing behind."""

    def __init__(self) -> None:
        self._secrets: dict[tuple[str, str], str] = {}
        self._lock = threading.Lock()

    def save(self, scope: str, name: str, secret: SecretStr) -> StoredIn:
        """Keep the secret."""
        check_address(scope, name)
        register_secret(secret.get_secret_value())
        with self._lock:
            self._secrets[scope, name] = secret.get_secret_value()
        return StoredIn.MEMORY

    def load(self, scope: str, name: str) -> SecretStr | None:
        """Return the secret, if any."""
        check_address(scope, name)
        with self._lock:
            value = self._secrets.get((scope, name))
        return None if value is None else SecretStr(value)

    def delete(self, scope: str, name: str) -> bool:
        """Forget the secret."""
        check_address(scope, name)
        with self._lock:
            return self._secrets.pop((scope, name), None) is not None

    def delete_scope(self, scope: str) -> int:
        """Forget the scope's secrets."""
        return sum(self.delete(scope, name) for name in self.names(scope))

    def names(self, scope: str) -> Sequence[str]:
        """Return the scope's names."""
        check_address(scope)
        with self._lock:
            return sorted(name for owner, name in self._secrets if owner == scope)

    def scopes(self) -> Sequence[str]:
        """Return the scopes in use."""
        with self._lock:
            return sorted({scope for scope, _ in self._secrets})

    def where(self, scope: str, name: str) -> StoredIn | None:
        """Return `StoredIn.MEMORY` if the secret is there."""
        return StoredIn.MEMORY if name in self.names(scope) else None

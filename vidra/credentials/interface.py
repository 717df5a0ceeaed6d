"""What a credential store promises, and the names secrets go by.

A secret is addressed by scope and name: `source:plex_1a2b` / `token`, `job:<id>` / `cookies`,
`shim` / `token`. Names are not secret and may be shown; values are `SecretStr` and never are.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from enum import StrEnum, unique
from typing import Final

from pydantic import SecretStr

_SCOPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:@-]{0,127}", re.ASCII)
_NAME: Final = re.compile(r"[a-z][a-z0-9_]{0,63}", re.ASCII)


@unique
class Place(StrEnum):
    """Where secrets may be kept, as the owner chooses it."""

    AUTO = "auto"
    """The keyring if it is usable, else the encrypted file."""
    KEYRING = "keyring"
    """The keyring or an error; never the file."""
    FILE = "file"
    """The encrypted file; the keyring is not asked."""


@unique
class StoredIn(StrEnum):
    """Where one secret is at present."""

    ENVIRONMENT = "environment"
    KEYRING = "keyring"
    FILE = "file"
    MEMORY = "memory"


class CredentialStore(ABC):
    """Secrets by scope and name. Nothing is cached: every operation reads what is stored now.

    Every method raises `ValueError` for a scope or name that is not spelled as `check_address` says,
    and a `CredentialError` when a secret is known to exist but cannot be had, rather than "there is none".
    Every value that passes through is made known to `vidra.redaction`.
    Safe between threads and between processes. A call may block for five seconds: use a thread
    in async code.
    """

    @abstractmethod
    def save(self, scope: str, name: str, secret: SecretStr) -> StoredIn:
        """Store or replace the secret; return where. What was saved is what `load` returns."""

    @abstractmethod
    def load(self, scope: str, name: str) -> SecretStr | None:
        """Return the secret, or None if none was ever saved or it was deleted."""

    @abstractmethod
    def delete(self, scope: str, name: str) -> bool:
        """Forget the secret wherever it is stored; return whether there was one."""

    @abstractmethod
    def delete_scope(self, scope: str) -> int:
        """Forget every secret of the scope; return how many there were."""

    @abstractmethod
    def names(self, scope: str) -> Sequence[str]:
        """Return the names of the scope's secrets, sorted, without reading their values."""

    @abstractmethod
    def scopes(self) -> Sequence[str]:
        """Return the scopes that hold a stored secret, sorted."""

    @abstractmethod
    def where(self, scope: str, name: str) -> StoredIn | None:
        """Return where the secret would be read from, without reading it; None if there is none."""


def check_address(scope: str, name: str | None = None) -> None:
    """Raise `ValueError` unless scope (letters, digits, `_.:@-`) and name (lower case, `_`) are well formed.

    A name never ends in `_file`: that suffix belongs to the environment variable that names a file.
    """
    if not _SCOPE.fullmatch(scope):
        raise ValueError(f"credential scope {scope!r}: expected 1-128 letters, digits and `_.:@-`")
    if name is not None and (not _NAME.fullmatch(name) or name.endswith("_file")):
        raise ValueError(f"credential name {name!r}: expected 1-64 of `a-z0-9_`, not ending in `_file`")

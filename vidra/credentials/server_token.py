"""The token that clients of the server show: where it comes from and how it is replaced."""

from __future__ import annotations

import secrets
import threading
from pathlib import Path
from typing import Final, Protocol

from vidra.credentials.private_files import create_private, read_private, replace_private
from vidra.errors import CredentialError
from vidra.redaction import register_secret

LONGEST: Final = 512
"""Characters of a token."""


class TokenSource(Protocol):
    """Knows the token that counts now."""

    def current(self) -> str:
        """Return the token. Cheap enough to be asked for every request."""
        ...


class FixedToken:
    """A token given by the environment; it cannot be rotated while the server runs."""

    def __init__(self, token: str) -> None:
        self._token = token
        register_secret(token)

    def current(self) -> str:
        """Return the token."""
        return self._token


class TokenFile:
    """A token in a file of ours, 0600, made at the first use; a replaced file counts at once."""

    def __init__(self, path: Path) -> None:
        self.path, self._lock = path, threading.Lock()
        self._seen: tuple[int, int] | None = None
        self._token = ""

    def current(self) -> str:
        """Return the token; raise `CredentialError` if the file holds something else."""
        with self._lock:
            if self._stamp() != self._seen or not self._token:
                self._read()
            return self._token

    def rotate(self) -> str:
        """Replace the token and return the new one; a running server follows by itself."""
        token = secrets.token_urlsafe(32)
        register_secret(token)
        replace_private(self.path, f"{token}\n".encode())
        return token

    def _read(self) -> None:
        if not self.path.exists():
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            create_private(self.path, f"{secrets.token_urlsafe(32)}\n".encode())
        stamp, data = self._stamp(), read_private(self.path)
        token = data.decode("utf-8", "replace").strip()
        if not token or not token.isprintable() or not token.isascii() or len(token) > LONGEST:
            raise CredentialError(
                f"{self.path} must hold one token and nothing else; `vidra token rotate` makes a new one"
            )
        register_secret(token)
        self._token, self._seen = token, stamp

    def _stamp(self) -> tuple[int, int] | None:
        try:
            found = self.path.stat()
        except FileNotFoundError:
            return None
        return found.st_mtime_ns, found.st_ino


def token_source(file: Path, configured: str | None) -> FixedToken | TokenFile:
    """Return the configured token if there is one, else the one in the file."""
    return FixedToken(configured) if configured else TokenFile(file)

"""The token that clients show: where it comes from, how it is compared, how it is replaced."""

from __future__ import annotations

import hmac
import secrets
import threading
from pathlib import Path
from typing import Final, Protocol

from vidra.credentials.private_files import create_private, read_private, replace_private
from vidra.errors import CredentialError, UsageError
from vidra.redaction import register_secret

FILE_NAME: Final = "server_token"
SHORTEST: Final = 32
"""Characters a token needs before the server listens beyond this machine (256 random bits are 43)."""
LONGEST: Final = 512
"""Characters; what is longer is no token and is not compared."""
VARIABLE: Final = "VIDRA_SERVER_TOKEN"


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


def token_source(data_dir: Path, configured: str | None) -> FixedToken | TokenFile:
    """Return the configured token if there is one, else the one in the data folder."""
    return FixedToken(configured) if configured else TokenFile(data_dir / FILE_NAME)


def matches(shown: str | None, token: str) -> bool:
    """Whether the shown token is the right one; takes the same time wherever they differ."""
    if shown is None or len(shown) > LONGEST:
        return False
    return hmac.compare_digest(shown.encode("utf-8", "surrogateescape"), token.encode())


def check_strength(token: str, host: str) -> None:
    """Raise `UsageError` for a token that is too weak for an address others can reach."""
    if not is_loopback(host) and len(token) < SHORTEST:
        raise UsageError(
            f"refusing to listen on {host} with a token of {len(token)} characters: expected {SHORTEST}"
            f" or more; make one with `vidra token rotate`, or a longer {VARIABLE}"
        )


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach the address."""
    return host == "localhost" or host.startswith("127.") or host == "::1"

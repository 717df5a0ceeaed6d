"""Secrets given by the environment, as containers do it: the value itself, or a file that holds it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path

from vidra.errors import CredentialError

_PREFIX = "VIDRA_SECRET_"


def variable(scope: str, name: str) -> str:
    """Return the variable that overrides this secret: `VIDRA_SECRET_<SCOPE>_<NAME>`, upper case.

    Everything that is not a letter or digit becomes `_`. With the suffix `_FILE` it names a file.
    """
    return _PREFIX + re.sub(r"[^A-Z0-9]", "_", f"{scope}_{name}".upper())


def from_environment(environ: Mapping[str, str], scope: str, name: str) -> str | None:
    """Return the override, if there is one; the plain variable wins over the `_FILE` one.

    One line end at the end of the file is not part of the secret. An empty variable counts as absent.
    Raises `CredentialError` for a file that cannot be read or holds nothing.
    """
    key = variable(scope, name)
    if value := environ.get(key):
        return value
    path = environ.get(f"{key}_FILE")
    return _read(f"{key}_FILE", Path(path)) if path else None


def overriding(environ: Mapping[str, str], scope: str, name: str) -> str | None:
    """Return the name of the variable that overrides this secret, if one is set."""
    key = variable(scope, name)
    return next((candidate for candidate in (key, f"{key}_FILE") if environ.get(candidate)), None)


def _read(key: str, path: Path) -> str:
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as exc:
        raise CredentialError(f"{key}: cannot read the secret from {path}: {exc}") from exc
    value = text.removesuffix("\n").removesuffix("\r")
    if not value:
        raise CredentialError(f"{key}: {path} is empty; expected the secret as its only content")
    return value

"""Keeps the secrets among a job's options out of its stored options, and brings them back for a run."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import orjson
from pydantic import SecretStr

from vidra.credentials import CredentialStore
from vidra.errors import OptionRefused
from vidra.media.options import NAMES
from vidra.media.options.flags import read_flags
from vidra.media.options.option import plain_name
from vidra.redaction import MASK

OpenCredentials = Callable[[], CredentialStore]
"""Opened only for a job that has secrets: asking a keyring may cost seconds."""


def scope_of(job_id: str) -> str:
    """Return the credential scope of a job."""
    return f"job:{job_id}"


def store_secrets(job_id: str, options: Mapping[str, Any], credentials: OpenCredentials) -> dict[str, Any]:
    """Save the secret values and return the options with a mask in their place; flags are spelled out."""
    shown = dict(_without_flags(options))
    secret = {key: value for key, value in shown.items() if value and _is_secret(key)}
    for key, value in secret.items():
        credentials().save(scope_of(job_id), _name(key), SecretStr(orjson.dumps(value).decode()))
        shown[key] = MASK
    return shown


def with_secrets(job_id: str, options: Mapping[str, Any], credentials: OpenCredentials) -> dict[str, Any]:
    """Return the options with the secrets back in place; raise `OptionRefused` for one that is gone."""
    return {
        key: _load(job_id, key, credentials) if value == MASK and _is_secret(key) else value
        for key, value in options.items()
    }


def _load(job_id: str, key: str, credentials: OpenCredentials) -> object:
    secret = credentials().load(scope_of(job_id), _name(key))
    if secret is None:
        raise OptionRefused(key, "its secret value is not stored any more", remedy="ask for the job anew")
    return orjson.loads(secret.get_secret_value())


def _without_flags(options: Mapping[str, Any]) -> dict[str, Any]:
    """Spell out command-line flags, as a secret may be among them."""
    plain = {key: value for key, value in options.items() if plain_name(key) not in {"cli", "cli_args"}}
    flags = [options[key] for key in options if key not in plain and options[key]]
    return {name: value for flag in flags for name, value in read_flags(flag).items()} | plain


def _is_secret(key: str) -> bool:
    row = NAMES.get(plain_name(key))
    return row is not None and row.secret


def _name(key: str) -> str:
    return f"option_{NAMES[plain_name(key)].name}"

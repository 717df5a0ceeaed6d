"""Secrets, which live in the environment or in files it names, never in YAML."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field, SecretStr

from vidra.errors import ConfigError, ConfigProblem
from vidra.redaction import MASK, register_secret
from vidra.settings.constraints import Named, absolute

_LARGEST_FILE = 64 * 1024  # bytes; a secret file that is bigger is not one


class Secrets(BaseModel):
    """What nobody may see. Each is read from its variables, or from the file `<VARIABLE>_FILE` names."""

    model_config = ConfigDict(frozen=True, extra="forbid", hide_input_in_errors=True)

    server_token: Annotated[SecretStr | None, Named("VIDRA_SERVER__TOKEN", "VIDRA_SERVER_TOKEN")] = Field(
        default=None,
        description="Token that clients of the server show; made at the first start if there is none.",
    )
    prefect_auth: Annotated[
        SecretStr | None, Named("VIDRA_ENGINE__AUTH_STRING", "PREFECT_API_AUTH_STRING")
    ] = Field(default=None, description="`user:password` of the Prefect server.")
    proxy: Annotated[SecretStr | None, Named("VIDRA_PROXY")] = Field(
        default=None, description="Proxy with user name and password; wins over `network.proxy`."
    )

    tmdb_key: Annotated[SecretStr | None, Named("VIDRA_TMDB_KEY")] = Field(
        default=None, description="Key of The Movie Database; `vidra library tmdb login` keeps one as well."
    )


def load_secrets(*, environ: Mapping[str, str] = os.environ) -> Secrets:
    """Read the secrets and register each with `vidra.redaction`; raise `ConfigError` with all problems."""
    found: dict[str, SecretStr] = {}
    problems: list[ConfigProblem] = []
    for name, variables in secret_variables().items():
        try:
            value = next(filter(None, (_read(variable, environ) for variable in variables)), None)
        except ConfigError as error:
            problems.extend(error.problems)
            continue
        if value is not None:
            register_secret(value)
            found[name] = SecretStr(value)
    if problems:
        raise ConfigError(problems)
    return Secrets(**found)


def secret_variables() -> Mapping[str, tuple[str, ...]]:
    """Return the variables of each secret, the strongest first, without their `_FILE` forms."""
    return {
        name: tuple(v for mark in field.metadata if isinstance(mark, Named) for v in mark.variables)
        for name, field in Secrets.model_fields.items()
    }


def _read(variable: str, environ: Mapping[str, str]) -> str | None:
    value = environ.get(variable, "").strip() or None
    file = environ.get(f"{variable}_FILE", "").strip()
    if value and file:
        raise _wrong(variable, MASK, f"expected either {variable} or {variable}_FILE, not both")
    return _read_file(f"{variable}_FILE", Path(file)) if file else value


def _read_file(variable: str, path: Path) -> str:
    try:
        with absolute(path).open("rb") as stream:
            text = stream.read(_LARGEST_FILE + 1).decode()
    except OSError as exc:
        raise _wrong(variable, str(path), f"expected a file that can be read ({exc.strerror})") from exc
    except UnicodeDecodeError as exc:
        raise _wrong(variable, str(path), "expected a file with text in UTF-8") from exc
    except ValueError as exc:
        raise _wrong(variable, str(path), str(exc)) from exc
    if not text.strip() or len(text) > _LARGEST_FILE:
        raise _wrong(variable, str(path), "expected a file with the secret and nothing else")
    return text.strip()


def _wrong(variable: str, value: str, expected: str) -> ConfigError:
    key = variable.removesuffix("_FILE")
    return ConfigError(
        [ConfigProblem(source=variable, line=None, key_path=key, value=value, expected=expected)]
    )

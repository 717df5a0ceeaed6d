"""Reads settings from environment variables, and refuses misspelt ones."""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from vidra.settings.keys import PREFIX, Key, all_keys, by_path, owner, sections
from vidra.settings.layers import Layer, Origin, Place, json_text, problem
from vidra.settings.secrets import secret_variables

OTHER_VARIABLES = frozenset(
    {
        "VIDRA_CONFIG",  # which file to read, see `find_config`
        "VIDRA_DEBUG",  # the command line's: show tracebacks
        "VIDRA_CREDENTIALS_KEY",  # the credential vault's
        "VIDRA_CREDENTIALS_KEY_FILE",
        "VIDRA_SERVER_LOCK_FILE",  # the Vidra client's own, passed on to every back end
        "VIDRA_SERVER_HEALTH_PATH",
        *(
            name + suffix
            for names in secret_variables().values()
            for name in names
            for suffix in ("", "_FILE")
        ),
    }
)
"""Variables that are ours or our client's, and set no key of the configuration."""

OTHER_PREFIXES = ("VIDRA_SECRET_", "VIDRA_BACKEND_", "VIDRA_INTERNAL_", "VIDRA_TEST_")
"""Stored credentials overridden one by one, and what Vidra's processes and tests are told by one another."""


def environment_layer(environ: Mapping[str, str]) -> Layer:
    """Return what the variables set. Blank ones count as unset; a stronger name hides a weaker one."""
    layer = Layer()
    for key in all_keys():
        for name in reversed(key.variables):
            if text := environ.get(name, "").strip():
                _put(layer, key, key.path, name, text)
    known = _known_variables()
    for name in sorted(environ):
        if name.startswith(PREFIX) and name not in known and environ[name].strip():
            _put_nested(layer, name, environ[name].strip())
    return layer


def settings_environment(*, config: Path | None, overrides: Mapping[str, object]) -> dict[str, str]:
    """Return variables with which a child process that inherits the rest loads the same settings.

    The command line ends at the process it was given to; a flow run that reads its settings anew
    would not see `--config` and `--data-dir`.
    """
    variables = {} if config is None else {"VIDRA_CONFIG": str(config.expanduser().absolute())}
    for dotted, value in overrides.items():
        if value is not None:
            name = PREFIX + dotted.replace(".", "__").upper()
            variables[name] = json_text(value) if isinstance(value, Mapping | list | tuple) else str(value)
    return variables


def _put_nested(layer: Layer, name: str, text: str) -> None:
    """Read `VIDRA_<SECTION>__<KEY>…` that is not in the catalogue: inside a mapping, or a mistake."""
    if name in OTHER_VARIABLES or name.startswith(OTHER_PREFIXES):
        return
    path = tuple(name.removeprefix(PREFIX).lower().split("__"))
    key = owner(path)
    if key is not None and key.is_map and all(path):
        _put(layer, key, path, name, text)
        return
    place = Place(origin=Origin.ENVIRONMENT, source=name)
    layer.problems.append(problem(place, path, text, _expected(path), _meant(name)))


def _put(layer: Layer, key: Key, path: tuple[str, ...], name: str, text: str) -> None:
    place = Place(origin=Origin.ENVIRONMENT, source=name)
    try:
        layer.put(path, _parsed(key, path, text), place)
    except ValueError as exc:
        layer.problems.append(problem(place, path, text, str(exc)))
    except TypeError:
        layer.problems.append(problem(place, path, text, "a key that does not lie inside another value"))


def _parsed(key: Key, path: tuple[str, ...], text: str) -> object:
    """Return the text as what the key takes; scalars stay text, pydantic converts them."""
    if key.is_list:
        return _json(text, list, "a JSON list") if text.startswith("[") else _split(text)
    if not key.is_map:
        return text
    if path == key.path:
        return _json(text, dict, "a JSON object")
    try:
        return json.loads(text)
    except ValueError:
        return text


def _json(text: str, kind: type, words: str) -> object:
    try:
        value = json.loads(text)
    except ValueError as exc:
        raise ValueError(f"expected {words} ({exc})") from exc
    if not isinstance(value, kind):
        raise ValueError(f"expected {words}")  # noqa: TRY004 - one error for one meaning
    return value


def _split(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _expected(path: tuple[str, ...]) -> str:
    if path[0] in sections() and len(path) > 1:
        keys = sorted(key.path[1] for key in all_keys() if key.path[0] == path[0])
        return f"unknown key; `{path[0]}` has {', '.join(keys)}"
    return f"unknown variable; expected {PREFIX}<SECTION>__<KEY>, for example {all_keys()[0].variables[0]}"


def _meant(name: str) -> str | None:
    candidates = sorted(_known_variables() | OTHER_VARIABLES)
    return next(iter(difflib.get_close_matches(name, candidates, n=1, cutoff=0.8)), None)


@cache
def _known_variables() -> frozenset[str]:
    return frozenset(name for key in by_path().values() for name in key.variables)

"""Turns pydantic's findings into problems that name file, line, key, value and remedy."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from pydantic import ValidationError
from pydantic_core import ErrorDetails

from vidra.errors import ConfigProblem
from vidra.settings.keys import Key, by_path, model_at
from vidra.settings.layers import Layer, Origin, Place, problem

_DEFAULT = Place(origin=Origin.DEFAULT, source="default")
_SECRETS: Mapping[tuple[str, ...], str] = {
    ("server", "token"): "VIDRA_SERVER_TOKEN",
    ("engine", "auth_string"): "PREFECT_API_AUTH_STRING",
}


def findings(error: ValidationError, layers: Sequence[Layer]) -> list[ConfigProblem]:
    """Return one problem for each of the error's findings; layers come strongest first."""
    return [_finding(detail, layers) for detail in error.errors(include_url=False, include_context=False)]


def _finding(detail: ErrorDetails, layers: Sequence[Layer]) -> ConfigProblem:
    path = _path(detail, layers)
    place = _place(path, layers)
    value = _input(path, layers)
    if detail["type"] == "extra_forbidden":
        return problem(place, path, value, _unknown(path), _nearest_key(path))
    return problem(place, path, value, _expected(detail, path), _nearest_choice(path, value))


def _path(detail: ErrorDetails, layers: Sequence[Layer]) -> tuple[str, ...]:
    """Return the finding's location as far as it names something that was written."""
    path = tuple(str(part) for part in detail["loc"] if part != "[key]")
    while len(path) > 1 and _place_of(path, layers) is None and not _written(path, layers):
        path = path[:-1]
    return path


def _written(path: tuple[str, ...], layers: Sequence[Layer]) -> bool:
    return any(_lookup(layer.values, path)[0] for layer in layers)


def _place_of(path: tuple[str, ...], layers: Sequence[Layer]) -> Place | None:
    return next((layer.places[path] for layer in layers if path in layer.places), None)


def _place(path: tuple[str, ...], layers: Sequence[Layer]) -> Place:
    for layer in layers:
        if _lookup(layer.values, path)[0] and (place := layer.place(path)) is not None:
            return place
    return _DEFAULT


def _input(path: tuple[str, ...], layers: Sequence[Layer]) -> object:
    return next((found[1] for layer in layers if (found := _lookup(layer.values, path))[0]), None)


def _lookup(values: object, path: tuple[str, ...]) -> tuple[bool, Any]:
    for part in path:
        if isinstance(values, Mapping) and part in values:
            values = values[part]
        elif isinstance(values, list | tuple) and part.isdigit() and int(part) < len(values):
            values = values[int(part)]
        else:
            return False, None
    return True, values


def _expected(detail: ErrorDetails, path: tuple[str, ...]) -> str:
    if detail["type"] == "value_error":
        return detail["msg"].removeprefix("Value error, ")
    if key := by_path().get(path) or _inside_mapping(path):
        return f"expected {key.accepts}"
    if detail["type"] == "model_type":
        return "expected keys and values, one a line, indented"
    if detail["type"] == "string_pattern_mismatch":
        return "expected a name of small letters, digits, `-` and `_`"
    return detail["msg"].replace("Input should be", "expected")


def _inside_mapping(path: tuple[str, ...]) -> Key | None:
    """Return the key below a name of the owner's, such as `schedules.scan.jitter`; None for others."""
    if len(path) < 3:
        return None
    parent = model_at(path[:-1])
    field = None if parent is None else parent.model_fields.get(path[-1])
    return None if field is None else Key(path=path, field=field)


def _unknown(path: tuple[str, ...]) -> str:
    if variable := _SECRETS.get(path):
        return f"unknown key: this is a secret, set {variable} or {variable}_FILE in the environment"
    parent = model_at(path[:-1])
    known = ", ".join(sorted(parent.model_fields)) if parent else ""
    return (
        f"unknown key; `{'.'.join(path[:-1])}` has {known}"
        if path[1:]
        else f"unknown section; there are {known}"
    )


def _nearest_key(path: tuple[str, ...]) -> str | None:
    parent = model_at(path[:-1])
    if parent is None or path in _SECRETS:
        return None
    name = path[-1].lower().replace("-", "_")
    here = [".".join((*path[:-1], near)) for near in _near(name, parent.model_fields, 0.8)]
    # The right key in the wrong section is the second most common mistake.
    elsewhere = [key.dotted for key in by_path().values() if key.path[-1] == name]
    far = [".".join((*path[:-1], near)) for near in _near(name, parent.model_fields, 0.6)]
    return next(iter(here + elsewhere + far), None)


def _near(name: str, candidates: Iterable[str], cutoff: float) -> list[str]:
    return difflib.get_close_matches(name, list(candidates), n=1, cutoff=cutoff)


def _nearest_choice(path: tuple[str, ...], value: object) -> str | None:
    key = by_path().get(path)
    if key is None or not isinstance(value, str):
        return None
    return next(iter(_near(value.lower(), key.choices, 0.6)), None)

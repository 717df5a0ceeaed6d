"""Layers of configuration, each knowing where every one of its values came from."""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum, unique
from typing import Any

from vidra.errors import ConfigProblem
from vidra.redaction import MASK, redact
from vidra.settings.keys import owner

_WORD = re.compile(r"[a-z0-9]+")
_LONGEST_SHOWN = 200
_SECRET_WORDS = (
    "token",
    "password",
    "passwd",
    "secret",
    "secrets",
    "apikey",
    "apprise",
    "pings",
    "webhook",
    "cookie",
    "cookies",
    "authorization",
    "auth",
    "credential",
    "credentials",
    "twofactor",
)


@unique
class Origin(StrEnum):
    """Kinds of layers, the strongest first."""

    CLI = "cli"
    ENVIRONMENT = "env"
    FILE = "file"
    DEFAULT = "default"


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """Where a value stands."""

    origin: Origin
    source: str
    """File path, variable name, `command line` or `default`."""
    line: int | None = None


@dataclass(kw_only=True, slots=True)
class Layer:
    """Values of one origin as a nested mapping, the place of each, and what could not be read."""

    values: dict[str, Any] = field(default_factory=dict)
    places: dict[tuple[str, ...], Place] = field(default_factory=dict)
    problems: list[ConfigProblem] = field(default_factory=list)

    def put(self, path: tuple[str, ...], value: object, place: Place) -> None:
        """Set the value at the path; raise `TypeError` if a value already stands where a mapping must."""
        branch = self.values
        for part in path[:-1]:
            branch = branch.setdefault(part, {})
            if not isinstance(branch, dict):
                raise TypeError(part)
        branch[path[-1]] = value
        self.places[path] = place

    def place(self, path: tuple[str, ...]) -> Place | None:
        """Return the place of the value at the path, or of the nearest value around it."""
        return next(
            (self.places[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.places), None
        )

    def has(self, path: tuple[str, ...]) -> bool:
        """Whether this layer says anything at exactly that path."""
        branch: object = self.values
        for part in path:
            if not isinstance(branch, dict) or part not in branch:
                return False
            branch = branch[part]
        return True


def problem(
    place: Place, path: Iterable[str], value: object, expected: str, suggestion: str | None = None
) -> ConfigProblem:
    """Return the finding with its value masked if it may be secret, and cut if it is long."""
    dotted = ".".join(path)
    return ConfigProblem(
        source=place.source,
        line=place.line,
        key_path=dotted,
        value=shown(dotted, value),
        expected=expected,
        suggestion=suggestion,
    )


def shown(dotted: str, value: object) -> object:
    """Return the value as it may be shown to anybody: secrets masked by the key's name and by their look."""
    if isinstance(value, Mapping):
        return {str(key): shown(f"{dotted}.{key}", inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [shown(dotted, inner) for inner in value]
    if value is None or isinstance(value, bool):
        return value
    if looks_secret(dotted):
        return MASK
    if not isinstance(value, str):
        return value
    text = redact(value)
    return text if len(text) <= _LONGEST_SHOWN else text[:_LONGEST_SHOWN] + "…"


def looks_secret(dotted: str) -> bool:
    """Whether a key of this name, rightly or wrongly spelt, usually holds a secret."""
    known = owner(tuple(dotted.split(".")))
    if known is not None and not known.is_map:
        return False
    words = _WORD.findall(dotted.lower().replace("api_key", "apikey"))
    return any(
        difflib.get_close_matches(word, _SECRET_WORDS, n=1, cutoff=0.8) or word.startswith("cookie")
        for word in words
    )


def override_layer(overrides: Mapping[str, object]) -> Layer:
    """Return the command line's values: dotted keys; None means that the option was not given."""
    layer = Layer()
    for dotted, value in overrides.items():
        if value is None:
            continue
        place = Place(origin=Origin.CLI, source="command line")
        path = tuple(dotted.split("."))
        try:
            layer.put(path, value, place)
        except TypeError:
            layer.problems.append(problem(place, path, value, "a key that does not lie inside another value"))
    return layer


def json_text(value: object) -> str:
    """Return the value as one line of JSON; what JSON does not know becomes text."""
    return json.dumps(value, ensure_ascii=False, default=str)

"""Refuses JSON that parsers disagree about, or that cannot be written back: before anything reads it."""

from __future__ import annotations

import json
import math
import re
from typing import Any, Final, Never

DEEPEST: Final = 20
"""Levels of nesting; the client's largest body has four."""
_LARGEST: Final = 2**63
_BAD_TEXT: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff]")


class JsonRefused(ValueError):
    """The body is not JSON as we accept it; the text says why."""


def vetted(body: bytes) -> Any:  # noqa: ANN401 - any JSON value
    """Return the parsed body; raise `JsonRefused` for what strict readers would not take."""
    try:
        value = json.loads(
            body.decode("utf-8"),
            object_pairs_hook=_unique,
            parse_constant=_not_a_number,
            parse_float=_finite,
            parse_int=_bounded,
        )
    except JsonRefused:
        raise
    except (ValueError, RecursionError) as error:
        raise JsonRefused("Invalid JSON payload") from error
    _check(value)
    return value


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise JsonRefused("Invalid JSON payload: a key is given twice")
    return found


def _not_a_number(text: str) -> Never:
    raise JsonRefused(f"Invalid JSON payload: {text} is not JSON")


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise JsonRefused("Invalid JSON payload: a number is too large")
    return value


def _bounded(text: str) -> int:
    if len(text) > 20 or not -_LARGEST <= (value := int(text)) < _LARGEST:
        raise JsonRefused("Invalid JSON payload: a number is too large")
    return value


def _check(value: object) -> None:
    """Walk without recursion: the nesting is what is not trusted."""
    waiting: list[tuple[object, int]] = [(value, 1)]
    while waiting:
        item, depth = waiting.pop()
        if depth > DEEPEST:
            raise JsonRefused(f"Invalid JSON payload: nested deeper than {DEEPEST} levels")
        if isinstance(item, str):
            if _BAD_TEXT.search(item):
                raise JsonRefused("Invalid JSON payload: a text holds control characters")
        elif isinstance(item, dict):
            waiting += [(part, depth + 1) for pair in item.items() for part in pair]
        elif isinstance(item, list):
            waiting += [(part, depth + 1) for part in item]

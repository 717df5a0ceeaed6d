"""Small rules of the contract about values: what is dropped, how long texts are, how durations read."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, Final

_MOMENT: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}\.[0-9]{6}Z")
_LARGEST: Final = 2**53
"""Whole numbers up to here are the same in every language that reads JSON."""
DESCRIPTION_LIMIT: Final = 800
"""Characters of a description that clients are sent."""


def without_nulls(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that have a value; every reply is rid of the others."""
    return {name: value for name, value in fields.items() if value is not None}


def without_empties(fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields that say something: no null, empty text, list or object, at any depth."""
    found: dict[str, Any] = {}
    for name, value in fields.items():
        kept = without_empties(value) if isinstance(value, Mapping) else value
        if kept is not None and kept not in ("", [], {}, ()):
            found[name] = kept
    return found


def shortened(text: object, limit: int = DESCRIPTION_LIMIT) -> str | None:
    """Return the text, cut with `...` if it is longer; None for what is no text."""
    if not isinstance(text, str) or not text:
        return None
    return text if len(text) <= limit else f"{text[: limit - 3]}..."


def duration_text(seconds: object) -> str | None:
    """Return `1:02:03` or `2:03`; None for an unknown duration."""
    known = whole(seconds)
    if known is None or known < 0:
        return None
    minutes, rest = divmod(known, 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def text(value: object) -> str | None:
    """Return the value if it is a text with something in it: clients cast these fields hard."""
    return value if isinstance(value, str) and value else None


def moment(value: object) -> str | None:
    """Return the value if it is a time as the contract writes it: clients may have sent anything."""
    known = text(value)
    return known if known and _MOMENT.fullmatch(known) else None


def texts(value: object) -> list[str]:
    """Return the texts of a list; none for what is no list."""
    found = [text(one) for one in value] if isinstance(value, (list, tuple)) else []
    return [one for one in found if one is not None]


def whole(value: object) -> int | None:
    """Return the value as a whole number; None for what is none, or beyond what clients can read."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    return int(value) if math.isfinite(value) and abs(value) <= _LARGEST else None

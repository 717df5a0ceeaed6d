"""Reading one field of a foreign JSON object: the value if it is what it should be, else None.

Servers leave fields out, send numbers as text, and text where numbers were; one odd item must not
cost a whole library.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

Fields = Mapping[str, Any]


def text(fields: Fields, name: str) -> str | None:
    """Return a non-empty text; numbers are spelled out."""
    value = fields.get(name)
    if value is None:
        return None
    if isinstance(value, str):
        return value or None
    return str(value) if isinstance(value, int) and not isinstance(value, bool) else None


def integer(fields: Fields, name: str) -> int | None:
    """Return a whole number, also from text and from a float."""
    plain = fields.get(name)
    if plain is None or type(plain) is int:  # nearly always, a million times in a large library
        return plain
    value = number(fields, name)
    return None if value is None else int(value)


def number(fields: Fields, name: str) -> float | None:
    """Return a finite number, also from text."""
    value = fields.get(name)
    if value is None or isinstance(value, bool) or not isinstance(value, int | float | str):
        return None
    try:
        parsed = float(value)
    except ValueError:
        return None
    return parsed if math.isfinite(parsed) else None


def flag(fields: Fields, name: str) -> bool:
    """Return whether the field is true, 1 or "1"."""
    return fields.get(name) in {True, "1", "true"}


def objects(fields: Fields, name: str) -> Sequence[Fields]:
    """Return the objects of a list, skipping what is none."""
    value = fields.get(name)
    if value is None or not isinstance(value, list):
        return ()
    return [entry for entry in value if isinstance(entry, dict)]


def texts(fields: Fields, name: str) -> tuple[str, ...]:
    """Return the texts of a list."""
    value = fields.get(name)
    return tuple(entry for entry in value if isinstance(entry, str)) if isinstance(value, list) else ()


def epoch(fields: Fields, name: str) -> datetime | None:
    """Return the instant of a field in seconds since 1970; 0 counts as unset."""
    value = number(fields, name)
    if not value:
        return None
    try:
        return datetime.fromtimestamp(value, UTC)
    except (OverflowError, OSError, ValueError):
        return None


def instant(fields: Fields, name: str) -> datetime | None:
    """Return the instant of an ISO text, to the microsecond; without a zone it is UTC."""
    value = fields.get(name)
    if not isinstance(value, str):
        return None
    try:
        # .NET writes seven decimals, which Python only reads from 3.11 on, and cuts off
        parsed = datetime.fromisoformat(value)
    except ValueError:
        return None
    return parsed.replace(tzinfo=UTC) if parsed.tzinfo is None else parsed.astimezone(UTC)

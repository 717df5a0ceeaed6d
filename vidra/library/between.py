"""Watch state from one source to another: what a server has to be told of a work watched elsewhere."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

CLOSE_MS: Final = 10_000
"""Positions so close are the same: servers round."""


def owed(giver: Mapping[str, Any], taker: Mapping[str, Any]) -> dict[str, Any]:
    """Return the fields of the change by which the taker catches up; empty if it owes nothing.

    The later viewing counts. Nothing is told of an item that was never watched at the giver's: that
    nobody watched it there says nothing about elsewhere.
    """
    viewed, known = int(giver.get("viewed", 0)), int(taker.get("viewed", 0))
    watched, position = bool(giver.get("watched")), int(giver.get("position_ms", 0))
    if not viewed or viewed <= known:
        return {}
    fields: dict[str, Any] = {}
    if watched and not taker.get("watched"):
        fields |= {"watched": True, "watched_at": viewed}
    if position and abs(position - int(taker.get("position_ms", 0))) >= CLOSE_MS:
        length = int(taker.get("duration_ms", 0) or giver.get("duration_ms", 0))
        fields |= {"position_ms": position, "position_at": viewed, "duration_ms": length}
    return fields

"""`startup_status.json`: how far the start of Vidra has come, for clients that wait for it or adopt it.

The shape is the client contract's (section 7.2); the file is 0600 because it holds the token.
"""

from __future__ import annotations

from enum import StrEnum, unique
from pathlib import Path
from typing import Any

import orjson

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.state import atomic_write


@unique
class Phase(StrEnum):
    """How far it has come."""

    STARTING = "starting"
    SUCCESS = "success"
    ERROR = "error"
    REUSED = "reused"


def write_status(
    path: Path,
    phase: Phase,
    *,
    log_path: Path,
    token: str | None = None,
    message: str | None = None,
    clock: Clock = SYSTEM_CLOCK,
) -> None:
    """Replace the file, atomically. Raises `StateWriteFailed`."""
    content: dict[str, Any] = {
        "status": phase.value,
        "message": message,
        "log_path": str(log_path),
        "token": token,
        "source": "backend",
        "timestamp": iso(clock.now()),
    }
    known = {key: value for key, value in content.items() if value is not None}
    atomic_write(path, orjson.dumps(known, option=orjson.OPT_INDENT_2))


def read_status(path: Path) -> dict[str, Any]:
    """Return what the file says; empty when it is missing or not readable."""
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, orjson.JSONDecodeError):
        return {}
    return content if isinstance(content, dict) else {}

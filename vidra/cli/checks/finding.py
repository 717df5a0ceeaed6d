"""What a check found."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from enum import StrEnum, unique
from typing import Any


@unique
class Level(StrEnum):
    """How bad it is; any error makes `vidra doctor` end with exit code 1."""

    OK = "ok"
    WARN = "warn"
    ERROR = "error"


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """One line of the doctor's report."""

    level: Level
    name: str
    """What was looked at; the same in every run, so that scripts can find it."""
    detail: str
    remedy: str | None = None
    """What to do about it; None when it is fine."""

    def as_json(self) -> dict[str, Any]:
        """Return the finding for `--json`; these keys stay."""
        return asdict(self)


def ok(name: str, detail: str) -> Finding:
    """Return that everything is fine."""
    return Finding(level=Level.OK, name=name, detail=detail)


def warn(name: str, detail: str, remedy: str) -> Finding:
    """Return that something works, but not as well as it could."""
    return Finding(level=Level.WARN, name=name, detail=detail, remedy=remedy)


def error(name: str, detail: str, remedy: str) -> Finding:
    """Return that something will not work."""
    return Finding(level=Level.ERROR, name=name, detail=detail, remedy=remedy)

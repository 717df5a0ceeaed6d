"""The machine: its clock, its time zone, and how it writes names."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo

from vidra.cli.checks.finding import Finding, error, ok, warn

BUILT: Final = datetime(2026, 11, 1, tzinfo=UTC)
"""A clock before this version was written is wrong."""


def check_clock(now: datetime) -> Finding:
    """Whether the clock can be right; certificates and schedules depend on it."""
    local = now.astimezone()
    detail = f"{local:%Y-%m-%d %H:%M:%S %z} ({local.tzname()})"
    if now < BUILT:
        return error("clock", f"{detail} is in the past", "set the clock, or switch time synchronisation on")
    return ok("clock", detail)


def check_time_zone(key: str | None) -> Finding:
    """Whether the machine names its time zone; cron lines without `timezone` are meant in it."""
    if key is None:
        return warn(
            "time zone",
            "the machine does not name one; schedules without `timezone` are meant in UTC",
            "set TZ, for example TZ=Europe/Berlin, or give every schedule its `timezone`",
        )
    return ok("time zone", key)


def check_file_names(encoding: str = sys.getfilesystemencoding()) -> Finding:
    """Whether titles can be written as they are."""
    if encoding.lower().replace("-", "") == "utf8":
        return ok("file names", encoding)
    return warn("file names", f"{encoding} cannot hold every title", "set LC_ALL=C.UTF-8")


def time_zone(environ: Mapping[str, str] = os.environ, link: Path = Path("/etc/localtime")) -> str | None:
    """Return the machine's time zone by its IANA name, or None when it does not say."""
    named = environ.get("TZ", "").lstrip(":")
    candidates = [named] if named else [_linked(link), _written(link.with_name("timezone"))]
    return next((name for name in candidates if name and _known(name)), None)


def _linked(link: Path) -> str:
    return str(link.resolve()).rpartition("zoneinfo/")[2] if link.is_symlink() else ""


def _written(file: Path) -> str:
    return file.read_text(encoding="utf-8").strip() if file.is_file() else ""


def _known(name: str) -> bool:
    try:
        ZoneInfo(name)
    except (ValueError, OSError, KeyError):  # ZoneInfoNotFoundError is a KeyError
        return False
    return True

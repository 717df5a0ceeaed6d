"""Which yt-dlp this is, how old it is, and whether it is too old to be safe."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import version
from typing import Final

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import ConfigError, ConfigProblem

OLDEST_SAFE: Final = (2026, 7, 4)
"""Fixes CVE-2026-55404, the last published hole in yt-dlp that Vidra could meet."""


@cache
def yt_dlp_version() -> str:
    """Return yt-dlp's version, for example `2026.10.26`; read without importing it."""
    return version("yt-dlp")


def yt_dlp_age_days(clock: Clock = SYSTEM_CLOCK) -> int | None:
    """Return how many days ago this yt-dlp was released; None if its version is no date."""
    numbers = _numbers(yt_dlp_version())
    try:
        year, month, day = numbers
        released = datetime(year, month, day, tzinfo=UTC)
    except ValueError:
        return None
    return max(0, (clock.now() - released).days)


def check_yt_dlp(found: str | None = None) -> None:
    """Raise ConfigError if yt-dlp is older than the oldest safe one (SEC-09)."""
    found = found or yt_dlp_version()
    if _numbers(found) >= OLDEST_SAFE:
        return
    oldest = ".".join(map(str, OLDEST_SAFE))
    expected = f"yt-dlp {oldest} or newer is needed (older ones have published holes); upgrade yt-dlp"
    raise ConfigError(
        [
            ConfigProblem(
                source="installed packages", line=None, key_path="yt-dlp", value=found, expected=expected
            )
        ]
    )


def _numbers(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", text)[:3])

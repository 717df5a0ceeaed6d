"""Versions of Python, yt-dlp, Prefect and everything else Vidra names a range for.

Read from the installed packages' metadata: importing Prefect or yt-dlp would cost seconds.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from datetime import date
from importlib import metadata
from typing import Final

from packaging.requirements import Requirement
from packaging.version import Version

from vidra.cli.checks.finding import Finding, error, ok, warn
from vidra.cli.progress.wording import count

OLDEST_YT_DLP: Final = Version("2026.7.4")
"""CVE-2026-55404: command injection through shortcut files in older ones."""
STALE_AFTER_DAYS: Final = 60
"""Sites change; extractors older than this are often broken."""
PYTHONS: Final = ((3, 11), (3, 14))
"""From, and up to but without."""

_CONSEQUENCES: Final = {
    "fastapi": "Prefect's server does not import with it",
    "sqlalchemy": "Prefect's scheduler silently never creates a run with it",
    "yt-dlp": "known security holes",
}

Installed = Callable[[str], str | None]
"""From a package's name to its version, or None when it is not there."""


def installed_version(name: str) -> str | None:
    """Return the version of an installed package, without importing it."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def check_python(version: tuple[int, ...] = sys.version_info[:3]) -> Finding:
    """Whether this Python is one that Vidra is tested with."""
    shown = ".".join(str(part) for part in version)
    if PYTHONS[0] <= version[:2] < PYTHONS[1]:
        return ok("python", f"{shown}, {sys.executable}")
    return error("python", f"{shown} is not supported", "install Vidra with Python 3.11, 3.12 or 3.13")


def check_yt_dlp(today: date, installed: Installed = installed_version) -> Finding:
    """Whether yt-dlp is there, safe and fresh; its version is the date it was made."""
    shown = installed("yt-dlp")
    if shown is None:
        return error("yt-dlp", "not installed", "python -m pip install yt-dlp")
    version, upgrade = Version(shown), "python -m pip install --upgrade yt-dlp"
    if version < OLDEST_YT_DLP:
        return error("yt-dlp", f"{shown} is unsafe (CVE-2026-55404); {OLDEST_YT_DLP} is the oldest", upgrade)
    age = _age(version, today)
    detail = shown if age is None else f"{shown}, {count(age, 'day')} old"
    if age is not None and age > STALE_AFTER_DAYS:
        return warn("yt-dlp", f"{detail}: sites may have changed since", upgrade)
    return ok("yt-dlp", detail)


def _age(version: Version, today: date) -> int | None:
    try:
        return (today - date(*version.release[:3])).days
    except (TypeError, ValueError):  # a fork with other numbers
        return None


def check_prefect(installed: Installed = installed_version) -> Finding:
    """Whether Prefect is there; its range is checked with all the others."""
    shown = installed("prefect")
    if shown is None:
        return error("prefect", "not installed", "python -m pip install vidra")
    return ok("prefect", shown)


def own_requirements() -> list[str]:
    """Return what the installed Vidra asks for."""
    return metadata.requires("vidra") or []


def check_pins(requirements: Iterable[str], installed: Installed = installed_version) -> list[Finding]:
    """Return an error for every required package that is missing or out of its range."""
    needed = [
        r for r in map(Requirement, requirements) if r.marker is None or r.marker.evaluate({"extra": ""})
    ]
    findings = [finding for requirement in needed if (finding := _check_pin(requirement, installed))]
    return findings or [ok("dependencies", f"all {len(needed)} within their ranges")]


def _check_pin(requirement: Requirement, installed: Installed) -> Finding | None:
    shown, remedy = installed(requirement.name), f'python -m pip install "{requirement}"'
    if shown is None:
        return error(f"dependency {requirement.name}", "not installed", remedy)
    if requirement.specifier.contains(shown, prereleases=True):
        return None
    reason = _CONSEQUENCES.get(requirement.name.lower())
    detail = f"{shown} is outside {requirement.specifier}" + (f": {reason}" if reason else "")
    return error(f"dependency {requirement.name}", detail, remedy)

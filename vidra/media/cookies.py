"""When the owner's cookies expire: reads Netscape's cookie file, and never writes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from vidra.errors import UsageError

_FIELDS: Final = 7
_HTTP_ONLY: Final = "#HttpOnly_"


@dataclass(frozen=True, kw_only=True, slots=True)
class CookieTerm:
    """How long cookies for some sites are good."""

    count: int
    """Cookies that these sites would get to see."""
    until: datetime | None
    """When the last of them expires, UTC; None if there are none, or none of them ever expires by date."""

    def warning(self, *, now: datetime, warn_days: int) -> str | None:
        """Return what a person should know by now, None if all is well."""
        if not self.count:
            return "the cookie file has no cookies for these sites"
        if self.until is None:
            return None
        left = (self.until - now).total_seconds() / 86_400
        if left <= 0:
            return f"the cookies expired on {self.until:%Y-%m-%d}"
        return (
            f"the cookies expire in {left:.0f} days, on {self.until:%Y-%m-%d}" if left < warn_days else None
        )


def cookie_term(file: Path, urls: Iterable[str]) -> CookieTerm:
    """Return how long the file's cookies for these addresses are good.

    Raises `UsageError` if the file cannot be read or is no cookie file.
    """
    try:
        lines = file.read_text("utf-8", errors="replace").splitlines()
    except OSError as error:
        raise UsageError(f"cookie file {file}: {error.strerror or error}") from error
    hosts = {host for url in urls if (host := urlsplit(url).hostname)}
    terms: list[int] = []
    sound = 0
    for line in lines:
        fields = line.removeprefix(_HTTP_ONLY).split("\t")
        if len(fields) != _FIELDS or fields[0].startswith("#"):
            continue
        sound += 1
        if fields[4].isdigit() and any(_is_for(host, fields[0]) for host in hosts):
            terms.append(int(fields[4]))
    if not sound and any(line.strip() and not line.startswith("#") for line in lines):
        raise UsageError(
            f"cookie file {file}: expected Netscape's format, seven fields a line with tabs between"
        )
    dated = [term for term in terms if term]
    return CookieTerm(count=len(terms), until=datetime.fromtimestamp(max(dated), UTC) if dated else None)


def _is_for(host: str, domain: str) -> bool:
    name = domain.lstrip(".").lower()
    return host == name or host.endswith(f".{name}")

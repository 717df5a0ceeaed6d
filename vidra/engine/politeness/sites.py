"""Which site an address belongs to, for limits and breakers."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from vidra.settings import LimitSettings, SiteLimits

_SAME_SITE: Final = ("www.", "m.")


def site_of(url: str, limits: LimitSettings) -> str:
    """Return the site's name: that of the settings where they name it, else its host without `www.`.

    A site of the settings includes its subdomains and what it is `also` called; the longest name wins.
    """
    host = (urlsplit(url).hostname or "unknown").rstrip(".")
    named = {alias: name for name, site in limits.sites.items() for alias in (name, *site.also)}
    matching = [name for name in named if host == name or host.endswith(f".{name}")]
    if matching:
        return named[max(matching, key=len)]
    for prefix in _SAME_SITE:
        if host.startswith(prefix) and host.count(".") > 1:
            return host.removeprefix(prefix)
    return host


def limits_of(site: str, limits: LimitSettings) -> SiteLimits:
    """Return what holds for the site: its own section whole, or the one for all others."""
    return limits.sites.get(site) or SiteLimits(
        downloads=limits.site_downloads, per_minute=limits.site_per_minute
    )

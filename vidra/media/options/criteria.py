"""Turns filters, headers and what a site wants to know into yt-dlp parameters."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

from vidra.errors import OptionRefused
from vidra.media.foreign import Foreign

_BROWSER = re.compile(
    r"(?P<browser>[^+:]+)(?:\+(?P<keyring>[^:]+))?(?::(?!:)(?P<profile>.+?))?(?:::(?P<container>.+))?"
)


@dataclass(frozen=True, slots=True)
class MatchFilter:
    """yt-dlp's filter of these expressions; unlike yt-dlp's own function, it can go to another process."""

    expressions: tuple[str, ...]

    def __call__(self, info: Mapping[str, Any], incomplete: bool = False) -> object:
        """Return what yt-dlp wants to hear: None, or why the item is left out."""
        return _filter_of(self.expressions)(info, incomplete)


@cache
def _filter_of(expressions: tuple[str, ...]) -> Foreign:
    from yt_dlp.utils import match_filter_func  # noqa: PLC0415 - rarely needed, slow to import

    made: Foreign = match_filter_func(list(expressions))
    return made


def criteria_params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return the parameters whose form differs from the option's; OptionRefused where they make no sense."""
    return {
        **_filters(values),
        **_headers(values),
        **_origin(values),
        **_extractors(values),
        **_browser_cookies(values),
        **_waiting(values),
    }


def _filters(values: Mapping[str, Any]) -> dict[str, Any]:
    filters, dates = (
        values.get("match_filter"),
        [values.get(name) for name in ("date", "dateafter", "datebefore")],
    )
    if not filters and not any(dates):
        return {}
    from yt_dlp.utils import DateRange, match_str  # noqa: PLC0415 - rarely needed, slow to import

    found: dict[str, Any] = {}
    day, after, before = dates
    try:
        if any(dates):
            found["daterange"] = DateRange.day(day) if day else DateRange(after, before)
        for expression in filters or ():
            match_str(expression, {}, incomplete=True)
    except ValueError as error:
        key = "match_filter" if filters else "date"
        raise OptionRefused(key, str(error), value=filters or [date for date in dates if date]) from error
    if filters:
        found["match_filter"] = MatchFilter(tuple(filters))
    return found


def _headers(values: Mapping[str, Any]) -> dict[str, Any]:
    named = {"User-Agent": values.get("user_agent"), "Referer": values.get("referer")}
    headers = {**{name: text for name, text in named.items() if text}, **(values.get("add_headers") or {})}
    return {"http_headers": headers} if headers else {}


def _origin(values: Mapping[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = {}
    if values.get("force_ipv4") and values.get("force_ipv6"):
        raise OptionRefused("force_ipv6", "force_ipv4 is set too", value=True, remedy="choose one")
    if values.get("force_ipv4") or values.get("force_ipv6"):
        found["source_address"] = "0.0.0.0" if values.get("force_ipv4") else "::"  # noqa: S104 - yt-dlp's way to choose the family; nothing listens
    where = values.get("xff")
    if where and where.lower() != "default":
        found["geo_bypass"] = where.lower() != "never"
        if "/" in where:
            found["geo_bypass_ip_block"] = where
        elif len(where) == 2:
            found["geo_bypass_country"] = where.upper()
    return found


def _extractors(values: Mapping[str, Any]) -> dict[str, Any]:
    chosen = values.get("use_extractors") or ()
    return {} if not chosen or "all" in chosen else {"allowed_extractors": list(chosen)}


def _browser_cookies(values: Mapping[str, Any]) -> dict[str, Any]:
    match = _BROWSER.fullmatch(values.get("cookies_from_browser") or "")
    if match is None:
        return {}
    keyring = match["keyring"].upper() if match["keyring"] else None
    return {"cookiesfrombrowser": (match["browser"].lower(), match["profile"], keyring, match["container"])}


def _waiting(values: Mapping[str, Any]) -> dict[str, Any]:
    seconds = values.get("wait_for_video")
    return {"wait_for_video": (seconds, seconds)} if seconds else {}

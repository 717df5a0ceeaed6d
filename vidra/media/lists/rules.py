"""Judges items of a list by the owner's rules; pure, and honest about what a list does not tell."""

from __future__ import annotations

import calendar
import hashlib
import re
from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum, unique
from typing import Final

from vidra.media.interface import MediaEntry
from vidra.settings.subscriptions import AGO, Inclusion, RuleSettings

_RUNNING: Final = frozenset({"is_live", "is_upcoming", "post_live"})
_RECORDED: Final = frozenset({"was_live"})
_FOR_MEMBERS: Final = frozenset({"subscriber_only", "premium_only"})


@unique
class Verdict(StrEnum):
    """What the rules say of an item."""

    WANTED = "wanted"
    UNWANTED = "unwanted"
    LATER = "later"
    """It is not what it will be yet: a stream that runs or has not begun."""
    UNDECIDED = "undecided"
    """No rule refuses it, but the list does not tell all they ask for; its page will."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Judgement:
    """A verdict and, unless wanted, why."""

    verdict: Verdict
    reason: str = ""


_WANTED: Final = Judgement(verdict=Verdict.WANTED)


class Rules:
    """The rules of one subscription on one day."""

    def __init__(self, settings: RuleSettings, *, today: date) -> None:
        """`today` is the day that times ago are counted back from."""
        self._settings = settings
        self._after = None if settings.after is None else day_of(settings.after, today)
        self._before = None if settings.before is None else day_of(settings.before, today)
        self._include = [re.compile(pattern, re.IGNORECASE) for pattern in settings.title_include]
        self._exclude = [re.compile(pattern, re.IGNORECASE) for pattern in settings.title_exclude]
        self._allowed = frozenset(str(one) for one in settings.availability)

    @property
    def digest(self) -> str:
        """A text that differs whenever the rules do; a window that moves with the day does not count."""
        chosen = self._settings.model_dump_json(exclude={"max_items", "lookback"})
        return hashlib.sha256(chosen.encode()).hexdigest()[:16]

    def judge(self, entry: MediaEntry, *, complete: bool = False) -> Judgement:
        """Judge by what is known; `complete` says that the page was read, so that nothing more will be.

        What even the page does not tell speaks for the item.
        """
        if entry.live_status in _RUNNING:
            return Judgement(verdict=Verdict.LATER, reason=f"the stream is not over ({entry.live_status})")
        refusal = (
            self._title(entry) or self._date(entry) or self._duration(entry)
            or self._availability(entry) or self._kind(entry)
        )  # fmt: skip
        if refusal:
            return Judgement(verdict=Verdict.UNWANTED, reason=refusal)
        unknown = () if complete else self._unknown(entry)
        if unknown:
            return Judgement(verdict=Verdict.UNDECIDED, reason=f"the list does not tell {', '.join(unknown)}")
        return _WANTED

    def _title(self, entry: MediaEntry) -> str | None:
        title = entry.title
        if title is None:
            return None
        for pattern in self._exclude:
            if pattern.search(title):
                return f"title_exclude: {pattern.pattern}"
        if self._include and not any(pattern.search(title) for pattern in self._include):
            return "title_include: none of them is in the title"
        return None

    def _date(self, entry: MediaEntry) -> str | None:
        if entry.upload_date is None:
            return None
        day = date.fromisoformat(entry.upload_date)
        if self._after is not None and day < self._after:
            return f"after: {self._after}, published {day}"
        if self._before is not None and day > self._before:
            return f"before: {self._before}, published {day}"
        return None

    def _duration(self, entry: MediaEntry) -> str | None:
        least, most, length = self._settings.min_duration, self._settings.max_duration, entry.duration
        if length is None:
            return None
        if least is not None and length < least:
            return f"min_duration: {least:g} s, is {length:g} s"
        if most is not None and length > most:
            return f"max_duration: {most:g} s, is {length:g} s"
        return None

    def _availability(self, entry: MediaEntry) -> str | None:
        if entry.availability is None or not self._allowed or entry.availability in self._allowed:
            return None
        return f"availability: {', '.join(sorted(self._allowed))}, is {entry.availability}"

    def _kind(self, entry: MediaEntry) -> str | None:
        settings = self._settings
        return (
            _refused("shorts", settings.shorts, known=True, is_one=_is_short(entry))
            or _refused("live", settings.live, known=entry.live_status is not None, is_one=_was_live(entry))
            or _refused(
                "members", settings.members, known=entry.availability is not None, is_one=_for_members(entry)
            )
        )

    def _unknown(self, entry: MediaEntry) -> tuple[str, ...]:
        settings = self._settings
        asked = {
            "its date": (self._after or self._before) and entry.upload_date is None,
            "its length": _set(settings.min_duration, settings.max_duration) and entry.duration is None,
            "its title": (self._include or self._exclude) and entry.title is None,
            "who may see it": (self._allowed or settings.members is not Inclusion.INCLUDE)
            and entry.availability is None,
            "whether it was live": settings.live is not Inclusion.INCLUDE and entry.live_status is None,
        }
        return tuple(name for name, missing in asked.items() if missing)


def day_of(text: str, today: date) -> date:
    """Return the day that `2024-01-31` or `30 days` (ago) means; the text was checked before."""
    ago = AGO.match(text)
    if ago is None:
        return date.fromisoformat(text)
    count, unit = int(ago[1]), ago[2]
    if unit in {"day", "week"}:
        return max(today - timedelta(days=min(count * (7 if unit == "week" else 1), 700_000)), date.min)
    months = today.year * 12 + today.month - 1 - count * (12 if unit == "year" else 1)
    year, month = max(1, months // 12), months % 12 + 1
    return date(year, month, min(today.day, calendar.monthrange(year, month)[1]))


def _refused(name: str, wish: Inclusion, *, known: bool, is_one: bool) -> str | None:
    if wish is Inclusion.EXCLUDE and is_one:
        return f"{name}: exclude"
    if wish is Inclusion.ONLY and known and not is_one:
        return f"{name}: only"
    return None


def _is_short(entry: MediaEntry) -> bool:
    return "/shorts/" in entry.url


def _was_live(entry: MediaEntry) -> bool:
    return entry.live_status in _RECORDED


def _for_members(entry: MediaEntry) -> bool:
    return entry.availability in _FOR_MEMBERS


def _set(*bounds: float | None) -> bool:
    return any(bound is not None for bound in bounds)

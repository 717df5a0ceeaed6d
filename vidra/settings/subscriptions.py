"""Subscriptions: lists that are kept in the library for ever, each with its own rhythm and rules."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date
from enum import StrEnum, unique
from typing import Annotated

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from vidra.settings.constraints import Accepts, LocalPath, NonEmptyStr, OptionMap, OutputTemplate, Seconds
from vidra.settings.notices import ChannelName
from vidra.settings.retention import RetentionSettings
from vidra.settings.schedules import ScheduleSettings
from vidra.settings.section import Section

AGO = re.compile(r"([1-9][0-9]{0,4}) (day|week|month|year)s?\Z")
"""How an instant before today is written: `30 days`."""
_DAY = re.compile(r"\d{4}-(?:0[1-9]|1[0-2])-(?:0[1-9]|[12]\d|3[01])\Z")
_NAME = r"^[a-z0-9][a-z0-9_-]{0,63}$"


@unique
class CookieUse(StrEnum):
    """When a site gets to see the owner's cookies."""

    NEVER = "never"
    WHEN_NEEDED = "when_needed"
    """Only for an item, or a list, that is refused without them."""
    ALWAYS = "always"


@unique
class Inclusion(StrEnum):
    """What becomes of a kind of item."""

    INCLUDE = "include"
    EXCLUDE = "exclude"
    ONLY = "only"


@unique
class ListOrder(StrEnum):
    """How the site sorts the list; downloads are oldest first whatever it does."""

    AUTO = "auto"
    """By upload dates where the list tells them, else newest first as channels and feeds are."""
    NEWEST_FIRST = "newest_first"
    OLDEST_FIRST = "oldest_first"


@unique
class Availability(StrEnum):
    """Who may see an item, in yt-dlp's words."""

    PUBLIC = "public"
    UNLISTED = "unlisted"
    PRIVATE = "private"
    PREMIUM_ONLY = "premium_only"
    SUBSCRIBER_ONLY = "subscriber_only"
    NEEDS_AUTH = "needs_auth"


def _day(value: object) -> object:
    text = value.isoformat() if isinstance(value, date) else value  # as YAML reads an unquoted day
    if not isinstance(text, str) or not (_DAY.match(text) or AGO.match(text)):
        raise ValueError("expected a day such as `2024-01-31`, or a time ago such as `30 days`")
    return text


def _pattern(value: str) -> str:
    try:
        re.compile(value)
    except re.error as exc:
        raise ValueError(f"expected a regular expression; {exc}") from exc
    return value


def _several(value: object) -> object:
    return (value,) if isinstance(value, str) else value


def _web(value: str) -> str:
    if not value.startswith(("http://", "https://")) or any(character.isspace() for character in value):
        raise ValueError("expected an http or https address")
    return value


Day = Annotated[
    str, BeforeValidator(_day), Accepts("a day such as `2024-01-31`, or a time ago such as `30 days`")
]
Pattern = Annotated[NonEmptyStr, AfterValidator(_pattern)]
WebAddress = Annotated[NonEmptyStr, AfterValidator(_web)]
_Patterns = Annotated[
    tuple[Pattern, ...], BeforeValidator(_several), Accepts("regular expressions, case is ignored")
]
SubscriptionName = Annotated[str, Field(pattern=_NAME)]


class RuleSettings(Section):
    """Which items of a list are wanted. What a list does not tell is checked before the download.

    ```yaml
    rules:
      after: 90 days
      title_exclude: ["#shorts", "trailer"]
      min_duration: 120
      shorts: exclude
      max_items: 20
    ```
    """

    after: Day | None = Field(default=None, description="Only items published on this day or later.")
    before: Day | None = Field(default=None, description="Only items published on this day or earlier.")
    title_include: _Patterns = Field(default=(), description="Only titles in which one of these is found.")
    title_exclude: _Patterns = Field(default=(), description="No titles in which one of these is found.")
    min_duration: Seconds | None = Field(default=None, description="Only items at least this long.")
    max_duration: Seconds | None = Field(default=None, description="Only items at most this long.")
    availability: Annotated[tuple[Availability, ...], Accepts(f"a list of {', '.join(Availability)}")] = (
        Field(default=(), description="Only items that these people may see; empty: all.")
    )
    shorts: Inclusion = Field(default=Inclusion.INCLUDE, description="Short upright clips.")
    live: Inclusion = Field(
        default=Inclusion.INCLUDE,
        description="Recordings of live streams; a stream that still runs waits for a later run.",
    )
    members: Inclusion = Field(default=Inclusion.INCLUDE, description="Items for paying members.")
    max_items: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="At most so many downloads a run, the oldest first; the rest follows later."
    )
    lookback: Annotated[int, Field(ge=1, le=100_000)] | None = Field(
        default=None, description="Only so many items from the top of each list are looked at."
    )

    @model_validator(mode="after")
    def _sensible(self) -> RuleSettings:
        low, high = self.min_duration, self.max_duration
        if low is not None and high is not None and low > high:
            raise ValueError("expected `min_duration` no larger than `max_duration`")
        if [self.shorts, self.live, self.members].count(Inclusion.ONLY) > 1:
            raise ValueError("expected `only` for one of `shorts`, `live` and `members`")
        return self


class CookieSettings(Section):
    """The owner's cookies for the site of a subscription; the file is only ever read.

    ```yaml
    cookies:
      use: when_needed
      file: ~/.config/vidra-flows/cookies.txt
    ```
    """

    use: CookieUse = Field(default=CookieUse.NEVER, description="When the site gets to see them.")
    file: LocalPath | None = Field(default=None, description="Cookie file in Netscape's format.")
    warn_days: Annotated[int, Field(ge=0, le=365)] = Field(
        default=7, description="Days before the last cookie expires from which on you are warned."
    )

    @model_validator(mode="after")
    def _has_a_file(self) -> CookieSettings:
        if self.use is not CookieUse.NEVER and self.file is None:
            raise ValueError(f"expected `file` with `use: {self.use}`")
        return self


class SubscriptionSettings(Section):
    """One subscription: which lists, how often, which of their items, and in what form.

    ```yaml
    subscriptions:
      talks:
        urls: https://example.org/@talks/videos
        preset: best-video
        output: "%(channel)s/%(upload_date>%Y)s/%(title)s [%(id)s].%(ext)s"
        schedule: {cron: "0 4 * * *", timezone: Europe/Berlin, jitter: 900, quiet_hours: "18:00-23:00"}
        rules: {after: 1 year, shorts: exclude, max_items: 20}
        retention: {max_items: 200}
    ```

    `extends` takes over everything from another subscription that this one does not say itself; one without
    `urls` is only there to be extended.
    """

    urls: Annotated[
        tuple[WebAddress, ...],
        BeforeValidator(_several),
        Accepts("an http or https address, or a list of them"),
    ] = Field(default=(), max_length=200, description="The lists: channels, playlists, feeds.")
    extends: NonEmptyStr | None = Field(
        default=None, description="Subscription whose settings hold where this one has none."
    )
    active: bool = Field(default=True, description="Whether it runs by itself; by hand it runs in any case.")
    schedule: ScheduleSettings | None = Field(
        default=None, description="When it runs by itself; empty: only by hand."
    )
    preset: NonEmptyStr | None = Field(
        default=None, description="Preset of download options; empty means `downloads.preset`."
    )
    output_preset: NonEmptyStr | None = Field(
        default=None, description="Preset of names and metadata for a media server, on top of `preset`."
    )
    output: OutputTemplate | None = Field(
        default=None, description="Output template; empty means that of the presets."
    )
    options: OptionMap = Field(
        default_factory=dict, description="yt-dlp options, API names; they win over the presets'."
    )
    order: ListOrder = Field(default=ListOrder.AUTO, description="How the site sorts the lists.")
    rules: RuleSettings = Field(default_factory=RuleSettings, description="Which items are wanted.")
    cookies: CookieSettings = Field(
        default_factory=CookieSettings, description="The owner's cookies for the site."
    )
    retention: RetentionSettings | None = Field(
        default=None, description="How long files are kept; empty means the section `retention`."
    )
    notifications: Annotated[
        tuple[ChannelName, ...] | None, Accepts("a list of names of `notifications.channels`")
    ] = Field(default=None, description="Channels that are told; empty: all whose rules say so.")


Subscriptions = Mapping[SubscriptionName, SubscriptionSettings]

"""Whom Vidra tells what: channels with rules, and pings to a dead man's switch."""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Annotated

from pydantic import AfterValidator, Field, model_validator

from vidra.settings.constraints import Accepts, NonEmptyStr, Seconds, Timeout, service_url
from vidra.settings.section import Section

_REFERENCE = re.compile(r"secret:[a-z][a-z0-9_]{0,63}\Z")
_WORDS = "`secret:NAME`; put the value into VIDRA_SECRET_NOTIFY_NAME, or run `vidra notify secret NAME`"


@unique
class NoticeEvent(StrEnum):
    """What a channel can be told about."""

    DOWNLOADED = "downloaded"
    """New files are in the library."""
    FAILED = "failed"
    """A job, a subscription or a flow failed, wholly or in part."""
    RECOVERED = "recovered"
    """What failed works again."""
    SITE_BLOCKED = "site_blocked"
    """A site refuses us; it is left alone for a while."""
    SITE_FREED = "site_freed"
    """It answers again."""
    SERVER_DOWN = "server_down"
    """A media server or a supervised back end does not answer or gave up."""
    SERVER_UP = "server_up"
    """It is back."""
    COOKIES = "cookies"
    """Cookies expire soon, or have."""
    DISK_FULL = "disk_full"
    """There is no room for a download."""
    GUARD = "guard"
    """A safety guard stopped something and wants a person's decision."""
    REMOVED = "removed"
    """Retention removed files."""


def _reference(value: str) -> str:
    if not _REFERENCE.match(value) or value.endswith("_file"):
        raise ValueError(f"expected {_WORDS}")
    return value


def _address(value: str) -> str:
    return _reference(value) if value.startswith("secret:") else service_url(value)


SecretReference = Annotated[NonEmptyStr, AfterValidator(_reference), Accepts(_WORDS)]
"""Names a secret, which is never written into YAML: `secret:phone`."""
Address = Annotated[
    NonEmptyStr,
    AfterValidator(_address),
    Accepts("an http or https URL without user name and password, or `secret:NAME`"),
]
ChannelName = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$")]


class ChannelSettings(Section):
    """One place that is told: an apprise address or a signed webhook, and which events go there.

    ```yaml
    notifications:
      channels:
        phone:
          apprise: secret:phone
          events: [failed, site_blocked, cookies]
          digest: 900
        automation:
          webhook: http://127.0.0.1:8123/vidra
          signing_key: secret:webhook_key
          subjects: ["subscription:talks"]
    ```
    """

    apprise: SecretReference | None = Field(
        default=None, description="An apprise address, by reference, as it holds tokens and passwords."
    )
    webhook: Address | None = Field(
        default=None, description="Address that gets JSON by POST; an http or https URL, or `secret:NAME`."
    )
    signing_key: SecretReference | None = Field(
        default=None, description="Key of the webhook's signature (HMAC-SHA256), by reference."
    )
    events: Annotated[tuple[NoticeEvent, ...], Accepts(f"a list of {', '.join(NoticeEvent)}")] = Field(
        default=(), description="Events that go there; empty: all."
    )
    subjects: Annotated[tuple[NonEmptyStr, ...], Accepts("a list of patterns such as `subscription:*`")] = (
        Field(
            default=(),
            description="Whom it is about: patterns matched with `subscription:NAME`, `job:ID`, `site:HOST`, "
            "`backend:NAME`, `source:ID`, `flow:NAME`; empty: all.",
        )
    )
    digest: Seconds = Field(
        default=0.0,
        description="Seconds in which notices gather before they go out as one message; 0: those of one "
        "run go out together, at its end.",
    )
    repeat_after: Seconds = Field(
        default=21_600.0,
        description="Seconds in which the same trouble of the same subject is not told again.",
    )

    @model_validator(mode="after")
    def _one_way(self) -> ChannelSettings:
        if (self.apprise is None) == (self.webhook is None):
            raise ValueError("expected either `apprise` or `webhook`")
        if self.webhook is not None and self.signing_key is None:
            raise ValueError("expected `signing_key` with `webhook`: receivers check who sent it")
        if self.apprise is not None and self.signing_key is not None:
            raise ValueError("expected no `signing_key` with `apprise`")
        return self


class PingSettings(Section):
    """Addresses that a schedule reports to, as healthchecks services want it.

    ```yaml
    notifications:
      pings:
        talks:
          success: https://hc.example.org/1f0c
          start: https://hc.example.org/1f0c/start
          fail: https://hc.example.org/1f0c/fail
    ```
    """

    start: Address | None = Field(default=None, description="Asked when a run starts.")
    success: Address | None = Field(default=None, description="Asked when a run ended well.")
    fail: Address | None = Field(default=None, description="Asked when a run failed.")


class NoticeSettings(Section):
    """Channels that are told what happens, and pings for each schedule. See docs/notices.md.

    ```yaml
    notifications:
      channels:
        phone:
          apprise: secret:phone
          events: [failed, site_blocked]
      pings:
        talks:
          success: https://hc.example.org/1f0c
    ```
    """

    channels: Annotated[
        Mapping[ChannelName, ChannelSettings],
        Accepts("channels by name (small letters, digits, `-`, `_`)"),
    ] = Field(default_factory=dict, description="Who is told what.")
    pings: Annotated[
        Mapping[NonEmptyStr, PingSettings],
        Accepts("addresses by the name of a subscription or a deployment"),
    ] = Field(default_factory=dict, description="Whom a schedule reports start, success and failure to.")
    timeout: Timeout = Field(
        default=10.0, description="Seconds that telling everybody may take at most; a run never waits longer."
    )

"""How media libraries are synchronised, read and kept in step."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique
from typing import Annotated

from pydantic import ByteSize, Field, model_validator

from vidra.settings.constraints import Accepts, Bytes, CronText, NonEmptyStr, Seconds, ServiceUrl, Timeout
from vidra.settings.schedules import QuietHours, ZoneName
from vidra.settings.section import Section


@unique
class SyncWatched(StrEnum):
    """Which way watch state goes between a source and the other sources."""

    OFF = "off"
    FROM = "from"
    TO = "to"
    BOTH = "both"


@unique
class Conflicts(StrEnum):
    """Who is right when a position was reported offline and the server has another one."""

    FURTHEST = "furthest"
    LATEST = "latest"
    LOCAL = "local"


@unique
class WatchlistForm(StrEnum):
    """How the Plex watchlist is changed: neither form is documented by Plex."""

    ITEM = "item"
    ACTION = "action"


class SourceSyncSettings(Section):
    """What differs for one source; what is left out is as for all sources.

    ```yaml
    library:
      sources:
        home:
          cron: "15 * * * *"
          quiet_hours: "19:00-23:00"
          sync_watched: both
          leave_out: ["Photos"]
    ```
    """

    cron: CronText | None = Field(default=None, description="When to sync; instead of `interval`.")
    interval: Timeout | None = Field(default=None, description="Seconds between two syncs.")
    timezone: ZoneName | None = Field(default=None, description="Time zone of `cron` and `quiet_hours`.")
    quiet_hours: QuietHours | None = Field(
        default=None, description="Time of day in which no scheduled sync starts."
    )
    active: bool = Field(default=True, description="Whether the source is synced by itself at all.")
    leave_out: tuple[NonEmptyStr, ...] = Field(
        default=(), description="Titles of library sections that are not synced."
    )
    sync_watched: SyncWatched = Field(
        default=SyncWatched.OFF,
        description="Give watch state to other sources (`from` this one), take it (`to`), `both`, or `off`.",
    )

    @model_validator(mode="after")
    def _one_rhythm(self) -> SourceSyncSettings:
        if self.cron is not None and self.interval is not None:
            raise ValueError("expected either `cron` or `interval`, not both")
        return self


class LibrarySettings(Section):
    """How libraries of media servers are kept here.

    ```yaml
    library:
      interval: 3600
      full_every: 86400
      sources:
        home:
          sync_watched: both
    ```
    """

    interval: Timeout = Field(default=3600.0, description="Seconds between two syncs of a source.")
    full_every: Timeout = Field(
        default=86400.0, description="Seconds after which everything is listed again, not just changes."
    )
    overlap: Seconds = Field(
        default=300.0, description="How far before the last sync changes are asked for, in seconds."
    )
    at_start: bool = Field(default=True, description="Sync every source when the engine starts.")
    after_downloads: bool = Field(default=True, description="Sync after a download was put into a library.")
    page_size: Annotated[int, Field(ge=20, le=2000)] = Field(
        default=500, description="Items asked for in one request."
    )
    concurrency: Annotated[int, Field(ge=1, le=8)] = Field(
        default=2, description="Sections of one server that are listed at once."
    )
    retries: Annotated[int, Field(ge=0, le=10)] = Field(
        default=2, description="How often a section is tried again after passing trouble."
    )
    retry_delay: Seconds = Field(default=2.0, description="Seconds before the first of these, then doubled.")
    confirming_syncs: Annotated[int, Field(ge=0, le=100)] = Field(
        default=2, description="Further syncs that must miss an item before it is forgotten."
    )
    largest_loss: Annotated[float, Field(gt=0, le=1)] = Field(
        default=0.25, description="Share of a section that may vanish at once without a question."
    )
    conflicts: Conflicts = Field(
        default=Conflicts.FURTHEST,
        description="Which position counts if both sides have one: the `furthest`, `latest` or `local` one.",
    )
    push_attempts: Annotated[int, Field(ge=1, le=100)] = Field(
        default=8, description="How often a watch change is refused before a person has to look at it."
    )
    image_cache: Bytes = Field(default=ByteSize(512 * 1024 * 1024), description="Disk space for artwork.")
    ticket_lifetime: Timeout = Field(
        default=900.0, description="Seconds for which a signed address of a stream or image works."
    )
    watchlist_form: WatchlistForm = Field(
        default=WatchlistForm.ITEM,
        description="Requests that change the Plex watchlist; try `action` if `item` is refused.",
    )
    discover_url: ServiceUrl = Field(
        default="https://discover.provider.plex.tv", description="Where Plex keeps watchlists."
    )
    sources: Annotated[Mapping[str, SourceSyncSettings], Accepts("settings by the id of the source")] = Field(
        default_factory=dict, description="What differs for single sources."
    )

    def of(self, source_id: str) -> SourceSyncSettings:
        """Return what is set for one source."""
        return self.sources.get(source_id) or SourceSyncSettings()

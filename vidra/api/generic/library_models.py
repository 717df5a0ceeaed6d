"""The library's bodies, as the OpenAPI document describes them."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator


class Watch(BaseModel):
    """How far an item was watched."""

    watched: bool
    play_count: int
    position_ms: int
    last_viewed_at: str | None
    watched_children: int | None = None


class LibraryItem(BaseModel):
    """One item; what is not known is left out. Shown alone, it also has summary, cast, files and ratings."""

    model_config = ConfigDict(extra="allow")

    item: str = Field(description="Its name: `source/section/kind/id`.")
    source: str
    section: str
    kind: str
    title: str
    added_at: str | None
    updated_at: str | None
    watch: Watch


class Freshness(BaseModel):
    """How fresh the data of a source is."""

    source: str
    state: str | None = Field(description="How the latest sync ended or stands; null before the first.")
    progress: float | None
    synced_at: str | None = Field(description="When the latest complete sync began.")
    age_s: int | None
    connection: str | None = Field(description="How the server is reached now: `online`, `offline`, …")
    errors: dict[str, str]
    warnings: list[str]
    items: int


class ItemList(BaseModel):
    """A page of items, and how fresh it is."""

    items: list[LibraryItem]
    total: int | None = Field(default=None, description="Items there are; null where nobody counts them.")
    sources: list[Freshness]


class Sections(BaseModel):
    """Every section of every source."""

    sections: list[dict[str, Any]]
    sources: list[Freshness]


class Statistics(BaseModel):
    """Counts by source and kind."""

    sources: list[dict[str, Any]]


class WatchRequest(BaseModel):
    """What was done to an item; any of the three."""

    model_config = ConfigDict(extra="forbid")

    item: str = Field(min_length=1, max_length=1000, description="Its name, or an external id.")
    watched: bool | None = Field(default=None, description="Mark it as watched or not.")
    position_ms: int | None = Field(default=None, ge=0, le=10**9, description="How far it was played.")
    at: int | None = Field(
        default=None, ge=0, le=2**33, description="When it was played so far, seconds since 1970; none: now."
    )
    rating: float | None = Field(default=None, ge=0, le=10, description="The rating of the user.")

    @model_validator(mode="after")
    def _something(self) -> WatchRequest:
        if self.watched is None and self.position_ms is None and self.rating is None:
            raise ValueError("expected `watched`, `position_ms` or `rating`")
        return self


class Change(BaseModel):
    """A change that waits for its server."""

    model_config = ConfigDict(extra="allow")

    key: str
    source: str
    item: str
    title: str
    state: str
    attempts: int
    error: str | None


class ChangeList(BaseModel):
    """What the servers still have to be told."""

    changes: list[Change]


class TicketRequest(BaseModel):
    """What an address is wanted for."""

    model_config = ConfigDict(extra="forbid")

    item: str = Field(min_length=1, max_length=1000, description="Its name, or an external id.")
    kind: Literal["stream", "hls", "thumb", "art"] = Field(
        description="The file as it is, the same converted for any player (HLS), or one of its pictures."
    )
    width: int | None = Field(default=None, ge=16, le=3840, description="Widest a picture may be.")
    height: int | None = Field(
        default=None, ge=16, le=2160, description="Highest a picture, or a converted film, may be."
    )
    bitrate_kbps: int | None = Field(
        default=None, ge=64, le=200_000, description="Most kbit/s of a converted film."
    )


class Ticket(BaseModel):
    """An address that works for a while, for whoever has it."""

    url: str = Field(description="Path on this server; it needs no token.")
    expires_at: str

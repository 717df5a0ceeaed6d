"""Bodies about sources, as the OpenAPI document describes them. None of them ever holds a secret."""

from __future__ import annotations

from pydantic import BaseModel, Field


class Connection(BaseModel):
    """What an operation would use now."""

    status: str = Field(description="`online`, `offline` or `unknown`.")
    uri: str | None = Field(description="The address in use.")
    class_: str | None = Field(alias="class", description="`local`, `remote` or `relay`.")
    until: str | None = Field(description="While offline: when it is looked at again.")


class Address(BaseModel):
    """One address of a server and how it did."""

    uri: str
    class_: str = Field(alias="class", description="`local`, `remote` or `relay`.")
    score: int | None = Field(description="Lower is better; 10000 and more is not available.")
    available: bool | None = Field(description="Whether the right server answered; null: not asked yet.")
    response_ms: float | None = Field(description="Time of the last answer that counted.")
    usual_ms: float | None = Field(description="What it usually takes.")
    success_rate: float = Field(description="Share of probes that counted, the latest weighing most.")
    problem: str | None
    in_use: bool
    pinned: bool = Field(description="Whether a person chose it.")
    manual: bool = Field(description="Whether a person added it.")


class Folder(BaseModel):
    """One library of a local source."""

    path: str
    name: str | None
    kind: str


class PathPair(BaseModel):
    """A folder here and what the server calls it."""

    ours: str
    theirs: str


class SourceEventBody(BaseModel):
    """Something that happened to a source."""

    event: str = Field(description="`connection-changed`, `connection-lost`, `auth-changed` and so on.")
    source_id: str
    at: str
    old: str | None
    new: str | None
    reason: str | None


class SourceBody(BaseModel):
    """A media server or a set of folders."""

    source_id: str
    name: str
    type: str = Field(description="`plex`, `jellyfin` or `local`.")
    declared: bool = Field(description="Whether the configuration declares it.")
    machine_id: str | None
    user_id: str | None
    user_name: str | None
    owned: bool | None
    server_version: str | None
    auth_status: str = Field(description="`authenticated`, `auth_required` or `unknown`.")
    last_auth_check: str | None
    last_sync: str | None
    folders: list[Folder]
    path_mappings: list[PathPair]
    created_at: str
    updated_at: str
    connection: Connection
    connections: list[Address] = Field(description="All addresses, the best score first.")
    last_check: str | None
    next_check: str | None


class SourceList(BaseModel):
    """All sources, in the order in which they were added."""

    sources: list[SourceBody]


class SourceCheck(BaseModel):
    """What a look at a source found."""

    source: SourceBody
    problem: str | None = Field(description="What is wrong, in words.")
    events: list[SourceEventBody] = Field(description="What this look changed.")


class SourceEventList(BaseModel):
    """The latest events, oldest first."""

    events: list[SourceEventBody]


class Forgotten(BaseModel):
    """A source that is gone."""

    source_id: str
    secrets: int = Field(description="How many secrets went with it.")

"""What a library sync is asked for with."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict, Field


class LibrarySyncRequest(BaseModel):
    """Parameters of the `library-sync` flow."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sources: tuple[str, ...] | None = Field(
        default=None, max_length=1000, description="Ids of the sources to sync; none: all."
    )
    full: bool = Field(default=False, description="List everything again, not just what changed.")
    accept_deletions: bool = Field(
        default=False, description="Forget at once whatever the servers do not list, however much it is."
    )
    push_only: bool = Field(default=False, description="Only tell the servers what was watched.")
    begun_after: int | None = Field(
        default=None,
        ge=0,
        le=2**33,
        description="A sync under way that began before this (seconds since 1970) is followed by another.",
    )
    dry_run: bool = Field(default=False, description="Show what would change; store and send nothing.")

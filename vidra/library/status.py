"""How a source's sync stands: what it has done of what there is, what went wrong, what it changed."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum, unique

from pydantic import BaseModel, ConfigDict, Field

from vidra.library.listing import Difference

STATUS_KEY = "status"


@unique
class SyncState(StrEnum):
    """Where a sync stands."""

    RUNNING = "running"
    COMPLETE = "complete"
    PARTIAL = "partial"
    """Some sections failed; the others are up to date."""
    FAILED = "failed"


@unique
class SyncMode(StrEnum):
    """How much is asked for."""

    FULL = "full"
    INCREMENTAL = "incremental"


class SyncStatus(BaseModel):
    """The latest sync of one source. Instants are whole seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    key: str = STATUS_KEY
    state: SyncState
    mode: SyncMode
    started: int
    finished: int | None = None
    complete_since: int | None = None
    """When the last complete sync began: the age of the data."""
    done: Mapping[str, int] = Field(default_factory=dict)
    """Items listed so far, by section and kind."""
    totals: Mapping[str, int] = Field(default_factory=dict)
    """Items the server announced, by section and kind."""
    listed: tuple[str, ...] = ()
    """Listings (section and kind) that are through; a run that was killed goes on after them."""
    errors: Mapping[str, str] = Field(default_factory=dict)
    """Why sections failed, by their title."""
    warnings: tuple[str, ...] = ()
    difference: Mapping[str, int] = Field(default_factory=dict)
    pushed: int = 0
    """Watch changes that the server took."""

    @property
    def progress(self) -> float:
        """Share of the announced items that were listed, 0 to 1."""
        total = sum(self.totals.values())
        return min(1.0, sum(self.done.values()) / total) if total else 0.0


def counted(difference: Difference) -> dict[str, int]:
    """Return the numbers of a difference that are not zero."""
    names = ("added", "changed", "moved", "buried", "removed")
    return {name: number for name in names if (number := getattr(difference, name))}

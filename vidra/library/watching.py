"""The rules of the watch queue: what changes of an item come to, who is right, when to try again.

A change is one record per item, whatever was done to it: later doings are folded into it. It stays
until the server has it, and every record says why it is still there.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, assert_never

from pydantic import BaseModel, ConfigDict

CHANGES: Final = "changes"
"""The queue's table."""
WATCHED_FROM: Final = 0.9
"""Share of the length from which an item counts as watched, as Plex and Jellyfin have it."""
LONGEST_WAIT_S: Final = 60.0
MARK: Final = "|"
"""Between source and item in a change's key; no source id has it."""


@unique
class Policy(StrEnum):
    """Who is right when both sides have a position."""

    FURTHEST = "furthest"
    LATEST = "latest"
    LOCAL = "local"


@unique
class ChangeState(StrEnum):
    """Where a change stands."""

    PENDING = "pending"
    STUCK = "stuck"
    """Refused too often, or for good: somebody has to look at it."""


class WatchChange(BaseModel):
    """What the server of an item has to be told. Instants are whole seconds since 1970."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    version: int = 1
    key: str
    source: str
    item: str
    """Key of the item within its source."""
    title: str = ""
    watched: bool | None = None
    watched_at: int = 0
    position_ms: int | None = None
    position_at: int = 0
    duration_ms: int = 0
    rating: float | None = None
    rated_at: int = 0
    state: ChangeState = ChangeState.PENDING
    attempts: int = 0
    next_try: int = 0
    error: str | None = None
    number: int = 0
    """Counts what was folded in, so that a change that grew while it was sent is not taken for sent."""


@unique
class StepKind(StrEnum):
    """What a server can be told."""

    WATCHED = "watched"
    UNWATCHED = "unwatched"
    POSITION = "position"
    RATING = "rating"


@dataclass(frozen=True, kw_only=True, slots=True)
class Step:
    """One thing to tell a server."""

    kind: StepKind
    at: int
    position_ms: int = 0
    duration_ms: int = 0
    rating: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class ServerState:
    """How far the server says an item was watched."""

    watched: bool
    position_ms: int
    viewed: int | None


def change_key(source: str, item: str) -> str:
    """Return the key of an item's change."""
    return f"{source}{MARK}{item}"


def folded_in(before: WatchChange | None, new: WatchChange) -> WatchChange:
    """Return one change in place of both; the next try is at once, for a person did something.

    A mark forgets the position before it; a position near the end is a mark. Of two positions the
    later one counts, whatever order they arrive in.
    """
    new = _finished(new)
    if before is None:
        return new
    fields: dict[str, Any] = {"number": before.number + 1, "title": new.title or before.title}
    if new.watched is not None and new.watched_at >= before.watched_at:
        fields |= {"watched": new.watched, "watched_at": new.watched_at}
        if before.position_at <= new.watched_at:
            fields |= {"position_ms": None, "position_at": 0}
    late = new.position_at < max(before.position_at, before.watched_at)
    if new.position_ms is not None and not late:
        names = ("position_ms", "position_at", "duration_ms")
        fields |= {name: getattr(new, name) for name in names}
    if new.rating is not None and new.rated_at >= before.rated_at:
        fields |= {"rating": new.rating, "rated_at": new.rated_at}
    fresh = {"state": ChangeState.PENDING, "attempts": 0, "next_try": 0, "error": None}
    return before.model_copy(update=fields | fresh)


def steps(change: WatchChange, server: ServerState | None, policy: Policy) -> list[Step]:
    """Return what the server still has to be told; nothing for what it has already.

    Telling it twice is as good as once: a run that is killed between telling and forgetting does no harm.
    """
    found: list[Step] = []
    if change.watched is not None and _is_news(change, change.watched, server, policy):
        kind = StepKind.WATCHED if change.watched else StepKind.UNWATCHED
        found.append(Step(kind=kind, at=change.watched_at))
    if change.position_ms is not None and _position_wins(change, server, policy):
        found.append(
            Step(
                kind=StepKind.POSITION,
                at=change.position_at,
                position_ms=change.position_ms,
                duration_ms=change.duration_ms,
            )
        )
    if change.rating is not None:
        found.append(Step(kind=StepKind.RATING, at=change.rated_at, rating=change.rating))
    return found


def retried(change: WatchChange, error: str, *, now: int, final: bool, most: int) -> WatchChange:
    """Return the change after a failed try: later, or never by itself if `final` or `most` times refused."""
    attempts = change.attempts + 1
    if final and attempts >= most:
        return change.model_copy(update={"attempts": attempts, "error": error, "state": ChangeState.STUCK})
    wait = min(LONGEST_WAIT_S, 2.0 ** min(attempts - 1, 10))
    return change.model_copy(update={"attempts": attempts, "error": error, "next_try": now + int(wait)})


def seen_here(record: Mapping[str, Any], change: WatchChange) -> dict[str, Any]:
    """Return the watch fields of a record once the change counts."""
    plays, viewed = int(record.get("plays", 0)), record.get("viewed")
    watched, position = bool(record.get("watched")), int(record.get("position_ms", 0))
    if change.watched is True:
        watched, position, plays, viewed = True, 0, max(1, plays + (not watched)), change.watched_at
    elif change.watched is False:
        watched, position, plays, viewed = False, 0, 0, None
    if change.position_ms is not None:
        position, viewed = change.position_ms, change.position_at
    fields = {"watched": watched, "plays": plays, "position_ms": position, "viewed": viewed}
    return {name: value for name, value in fields.items() if value}


def _finished(change: WatchChange) -> WatchChange:
    """Take a position near the end for what it is."""
    position, length = change.position_ms, change.duration_ms
    if position is None or length <= 0 or position < WATCHED_FROM * length:
        return change
    done = {"watched": True, "watched_at": change.position_at, "position_ms": None, "position_at": 0}
    return change.model_copy(update=done)


def _is_news(change: WatchChange, watched: bool, server: ServerState | None, policy: Policy) -> bool:
    """Whether a mark has to be sent: what a person marked explicitly wins, unless the latest shall."""
    if server is None:
        return True
    if policy is Policy.LATEST and (server.viewed or 0) > change.watched_at:
        return False
    return not server.watched if watched else server.watched or server.position_ms > 0


def _position_wins(change: WatchChange, server: ServerState | None, policy: Policy) -> bool:
    position = change.position_ms or 0
    if server is None:
        return True
    if position == server.position_ms:
        return False
    if change.watched is not None or policy is Policy.LOCAL:
        return True  # it was begun again after the mark we are sending with it
    newer = (server.viewed or 0) < change.position_at
    match policy:
        case Policy.LATEST:
            return newer
        case Policy.FURTHEST:
            return newer if server.watched else position > server.position_ms
        case _:
            assert_never(policy)

"""Tells a server what was watched, until it has it all or does not answer any more."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final, assert_never

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.library.acting import queued, stored_change
from vidra.errors import AuthRequired, Missing, RemoteError, TryLater
from vidra.library.watching import (
    CHANGES,
    ChangeState,
    Policy,
    ServerState,
    Step,
    StepKind,
    WatchChange,
    retried,
    steps,
)
from vidra.redaction import redact
from vidra.servers.interface import MediaServer, PlaybackState, Progress
from vidra.settings.library import LibrarySettings
from vidra.state.keyed import KeyedStore, Put, Tables

PATIENCE: Final = 3
"""Changes in a row that may fail for passing reasons before the server is left alone."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pushed:
    """What became of the changes that were due."""

    sent: int = 0
    """Changes the server has now."""
    waiting: int = 0
    stuck: int = 0
    error: str | None = None
    """Why some wait."""


async def push_changes(
    server: MediaServer,
    queue: KeyedStore,
    source: str,
    *,
    settings: LibrarySettings,
    everything: bool = False,
    clock: Clock = SYSTEM_CLOCK,
) -> Pushed:
    """Send the source's changes that are due, oldest first; with `everything` also those backed off or stuck.

    A change leaves the queue when the server has it. Raises nothing of the server's: what could not be
    sent stays, with the reason.
    """
    sent, failures, error = 0, 0, None
    for change in due(queue, source, now=_now(clock), everything=everything):
        try:
            await _deliver(server, change, Policy(settings.conflicts.value))
        except AuthRequired as refused:
            error = redact(str(refused))
            break
        except RemoteError as trouble:
            error = redact(str(trouble))
            failures = failures + 1 if isinstance(trouble, TryLater) else 0
            final = not isinstance(trouble, TryLater)
            later = retried(change, error, now=_now(clock), final=final, most=settings.push_attempts)
            await asyncio.to_thread(_settle, queue, change, later)
            if failures >= PATIENCE:
                break
        else:
            sent, failures = sent + 1, 0
            await asyncio.to_thread(_settle, queue, change, None)
    left = queued(queue, source)
    stuck = sum(change.state is ChangeState.STUCK for change in left)
    return Pushed(sent=sent, waiting=len(left) - stuck, stuck=stuck, error=error)


def due(queue: KeyedStore, source: str, *, now: int, everything: bool = False) -> Sequence[WatchChange]:
    """Return the source's changes to send now, oldest first."""
    found = [
        change
        for change in queued(queue, source)
        if everything or (change.state is ChangeState.PENDING and change.next_try <= now)
    ]
    return sorted(found, key=_made)


async def _deliver(server: MediaServer, change: WatchChange, policy: Policy) -> None:
    item_id = change.item.split("/", 2)[2]
    found = await server.watch_state(item_id)
    viewed = found.last_viewed_at
    known = ServerState(
        watched=found.watched,
        position_ms=found.position_ms,
        viewed=None if viewed is None else int(viewed.timestamp()),
    )
    for step in steps(change, known, policy):
        await _tell(server, item_id, step)


async def _tell(server: MediaServer, item_id: str, step: Step) -> None:
    at = datetime.fromtimestamp(step.at, UTC)
    match step.kind:
        case StepKind.WATCHED:
            await server.mark_watched(item_id, at=at)
        case StepKind.UNWATCHED:
            await server.mark_unwatched(item_id)
        case StepKind.RATING:
            await _rate(server, item_id, step.rating)
        case StepKind.POSITION:
            await server.report(await _progress(server, item_id, step, at))
        case _:
            assert_never(step.kind)


async def _rate(server: MediaServer, item_id: str, rating: float) -> None:
    """Rate; a server that takes no ratings has nothing to be told, and ours stays here."""
    try:
        await server.rate(item_id, rating)
    except Missing:
        await server.watch_state(item_id)  # raises `Missing` if it is the item that is not there


async def _progress(server: MediaServer, item_id: str, step: Step, at: datetime) -> Progress:
    """Return the report with the item's real length: without one, servers take any position for the end."""
    length = step.duration_ms or (await server.item(item_id)).duration_ms or 0
    return Progress(
        item_id=item_id,
        position_ms=step.position_ms,
        duration_ms=length,
        state=PlaybackState.STOPPED,
        session=f"vidra-{hashlib.sha256(item_id.encode()).hexdigest()[:16]}",
        at=at,
    )


def _settle(queue: KeyedStore, sent: WatchChange, later: WatchChange | None) -> None:
    """Store what became of a change, unless it has grown meanwhile: then the whole is due again."""

    def decide(tables: Tables) -> Iterable[Put]:
        now = stored_change(tables, sent.key)
        if now is None or now.number != sent.number:
            return []
        return [(CHANGES, sent.key, None if later is None else later.model_dump(mode="json"))]

    queue.transact(decide)


def _made(change: WatchChange) -> tuple[int, str]:
    return (max(change.watched_at, change.position_at, change.rated_at), change.key)


def _now(clock: Clock) -> int:
    return int(clock.now().timestamp())

"""What is told about sources: decisions about addresses and credentials as events in the change feed."""

from __future__ import annotations

from datetime import datetime

from vidra.clock import iso
from vidra.connections import Decision, Event
from vidra.state.source_interface import Amended, AuthState, Source, SourceEvent, SourceEventKind


def connection_events(source_id: str, decision: Decision, now: datetime) -> tuple[SourceEvent, ...]:
    """Return the events of a decision, in its order."""
    return tuple(
        SourceEvent(
            event=SourceEventKind(event.value),
            source_id=source_id,
            at=iso(now),
            old=decision.old,
            new=decision.new,
            reason=decision.reason.value if event is Event.CHANGED and decision.reason else None,
        )
        for event in decision.events
    )


def auth_events(source: Source, status: AuthState, now: datetime) -> Amended:
    """Return the source with this auth state, checked now.

    An unknown state says that nothing was learned: a source that has to sign in again still has to.
    Told are only the need to sign in, and its end.
    """
    if status is AuthState.UNKNOWN and source.auth_status is AuthState.AUTH_REQUIRED:
        status = source.auth_status
    after = source.model_copy(update={"last_auth_check": iso(now), "auth_status": status})
    if status is source.auth_status or AuthState.AUTH_REQUIRED not in {status, source.auth_status}:
        return Amended(source=after)
    event = SourceEvent(
        event=SourceEventKind.AUTH_CHANGED,
        source_id=source.source_id,
        at=iso(now),
        old=source.auth_status.value,
        new=status.value,
    )
    return Amended(source=after, events=(event,))

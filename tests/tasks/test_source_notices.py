"""What a person hears of media servers."""

from __future__ import annotations

import pytest

from tasks.source_notices import due_notices
from vidra.connections import Candidate, ProbeFailure, ProbeResult, Standing
from vidra.engine.sources.checks import Checked
from vidra.settings.notices import NoticeEvent
from vidra.state.source_interface import Source, SourceEvent, SourceEventKind, SourceKind

AT = "2026-11-20T20:00:00.000000Z"
LOCAL, OTHER, RELAY = (
    Candidate(uri="http://local", local=True),
    Candidate(uri="http://other", local=True),
    Candidate(uri="https://relay", relay=True),
)
Kinds = SourceEventKind


def a_source(primary: Candidate | None, last: Candidate | None = None) -> Source:
    """Return a source that uses this address."""
    last = last or primary
    standing = Standing(
        candidates=(LOCAL, OTHER, RELAY),
        primary=primary and primary.uri,
        last_primary=last and last.uri,
        results=tuple(
            ProbeResult(candidate=one, failure=ProbeFailure.TIMEOUT, detail="no answer")
            for one in (LOCAL, OTHER, RELAY)
        ),
    )
    return Source(
        source_id="home", name="Home", type=SourceKind.PLEX, created_at=AT, updated_at=AT,
        standing=standing.model_dump(mode="json"),
    )  # fmt: skip


def checked(before: Candidate | None, after: Candidate | None, *events: SourceEvent) -> Checked:
    """Return a look that changed this to that."""
    return Checked(before=a_source(before), after=a_source(after, before), events=events)


def event(kind: SourceEventKind, old: str | None = None, new: str | None = None) -> SourceEvent:
    """Return an event."""
    return SourceEvent(event=kind, source_id="home", at=AT, old=old, new=new)


def test_a_loss_names_every_address_and_why() -> None:
    """So that a person sees what to look at."""
    (notice,) = due_notices([checked(LOCAL, None, event(Kinds.CONNECTION_LOST, "http://local"))])
    assert notice.title == "Home cannot be reached"
    assert notice.text.count("no answer") == 3
    assert notice.event is NoticeEvent.SERVER_DOWN


def test_a_worse_class_is_told_and_a_better_or_equal_one_is_not() -> None:
    """Using a relay is slow and may cost money; coming home is no news."""
    changed = event(Kinds.CONNECTION_CHANGED, "http://local", "https://relay")
    (notice,) = due_notices([checked(LOCAL, RELAY, changed)])
    assert "relay connection" in notice.text
    assert not due_notices([checked(RELAY, LOCAL, changed)])
    assert not due_notices([checked(LOCAL, OTHER, changed)])
    assert not due_notices([checked(None, RELAY, changed)])


def test_being_back_is_told() -> None:
    """To whom the loss was told."""
    (notice,) = due_notices([checked(None, LOCAL, event(Kinds.CONNECTION_RESTORED, None, "http://local"))])
    assert notice.event is NoticeEvent.SERVER_UP


@pytest.mark.parametrize(("new", "count"), [("auth_required", 1), ("authenticated", 0)])
def test_only_a_needed_sign_in_is_told(new: str, count: int) -> None:
    """With the command that does it."""
    found = due_notices([checked(LOCAL, LOCAL, event(Kinds.AUTH_CHANGED, "unknown", new))])
    assert len(found) == count
    assert all("vidra source login home" in one.text for one in found)


def test_a_check_without_events_tells_nothing() -> None:
    """However often it happens."""
    assert not due_notices([checked(LOCAL, LOCAL)] * 3)

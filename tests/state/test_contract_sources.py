"""What every source store promises."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from vidra.clock import ManualClock, iso
from vidra.errors import SourceNotFound, StateTooNew, UsageError
from vidra.state import State, open_state
from vidra.state.database import JournalDB
from vidra.state.source_interface import (
    Amended,
    AuthState,
    Source,
    SourceChangeKind,
    SourceEvent,
    SourceEventKind,
    SourceFolder,
    SourceKind,
)
from vidra.state.sources import EVENTS_KEPT

AT = "2026-11-20T20:21:59.000000Z"


def a_source(source_id: str = "plex-1", **fields: Any) -> Source:
    """Return a Plex source nobody signed in to."""
    known: dict[str, Any] = {"name": "Home", "type": SourceKind.PLEX, "created_at": AT, "updated_at": AT}
    return Source(source_id=source_id, **{**known, **fields})


def an_event(source_id: str, reason: str) -> SourceEvent:
    """Return an event that is told apart by its reason."""
    return SourceEvent(event=SourceEventKind.CONNECTION_CHANGED, source_id=source_id, at=AT, reason=reason)


def test_sources_come_back_in_the_order_of_their_adding(state: State) -> None:
    """With everything that was said of them."""
    local = a_source("b", type=SourceKind.LOCAL, folders=(SourceFolder(path="/srv/films"),))
    state.sources.add(local)
    state.sources.add(a_source("a", standing={"primary": "http://127.0.0.1"}))
    assert [source.source_id for source in state.sources.list()] == ["b", "a"]
    assert state.sources.get("b") == local
    assert state.sources.get("a").standing == {"primary": "http://127.0.0.1"}


def test_an_id_is_taken_once(state: State) -> None:
    """And has to fit a file name."""
    state.sources.add(a_source())
    with pytest.raises(ValueError, match="already"):
        state.sources.add(a_source())
    with pytest.raises(UsageError, match="letters"):
        state.sources.add(a_source("../x"))


def test_a_source_that_is_not_there_names_those_that_are(state: State) -> None:
    """For reading, changing and removing."""
    state.sources.add(a_source("plex-1"))
    with pytest.raises(SourceNotFound, match="plex-1"):
        state.sources.get("plex-2")
    with pytest.raises(SourceNotFound, match="plex-1"):
        state.sources.update("plex-2", name="x")
    with pytest.raises(SourceNotFound, match="plex-1"):
        state.sources.remove("plex-2")


def test_only_what_a_source_is_moves_its_date(state: State, clock: ManualClock) -> None:
    """Checks and syncs do not: they happen all the time."""
    state.sources.add(a_source())
    clock.advance(60)
    checked = state.sources.update("plex-1", standing={"failures": 1}, last_sync=iso(clock.now()))
    assert checked.updated_at == AT
    renamed = state.sources.update("plex-1", name="Attic")
    assert renamed.updated_at == iso(clock.now())
    assert state.sources.get("plex-1") == renamed


def test_an_amendment_sees_what_is_stored_now(state: State) -> None:
    """And leaves out sources that somebody removed in the meantime."""
    state.sources.add(a_source())
    state.sources.update("plex-1", name="Attic")
    names: list[str] = []

    def amendment(source: Source) -> Amended:
        names.append(source.name)
        fields = {"auth_status": AuthState.AUTHENTICATED}
        return Amended(source=source.model_copy(update=fields), events=[an_event("plex-1", "seen")])

    found = state.sources.amend(["gone", "plex-1"], amendment, durable=False)
    assert names == ["Attic"]
    assert found == {"plex-1": state.sources.get("plex-1")}
    assert state.sources.events("plex-1")[-1].reason == "seen"


def test_an_amendment_that_fails_changes_nothing(state: State) -> None:
    """Not even the sources before the one it failed at."""
    state.sources.add(a_source("a"))
    state.sources.add(a_source("b"))

    def amendment(source: Source) -> Amended:
        if source.source_id == "b":
            raise RuntimeError("no")
        return Amended(source=source.model_copy(update={"name": "changed"}))

    with pytest.raises(RuntimeError, match="no"):
        state.sources.amend(["a", "b"], amendment)
    assert {source.name for source in state.sources.list()} == {"Home"}


def test_the_feed_tells_of_records_checks_and_events(state: State) -> None:
    """A check is no change of the record; a removal is told by its event."""
    feed = state.sources.feed()
    start = feed.now()
    state.sources.add(a_source())
    state.sources.update("plex-1", standing={"failures": 2})
    state.sources.remove("plex-1")
    changes = feed.since(start).changes
    kinds = SourceChangeKind
    expected = [kinds.SOURCE, kinds.STANDING, kinds.EVENT, kinds.STANDING, kinds.EVENT]
    assert [change.kind for change in changes] == expected
    assert changes[3].standing == {"failures": 2}
    events = [change.event.event for change in changes if change.event]
    assert events == [SourceEventKind.ADDED, SourceEventKind.REMOVED]
    assert {change.source_id for change in changes} == {"plex-1"}


def test_events_are_kept_up_to_a_bound(state: State) -> None:
    """The newest ones, in order."""
    state.sources.add(a_source())

    def told(source: Source) -> Amended:
        events = [an_event("plex-1", str(number)) for number in range(200)]
        return Amended(source=source, events=events)

    for _ in range(3):
        state.sources.amend(["plex-1"], told, durable=False)
    assert len(state.sources.events()) == EVENTS_KEPT
    assert [event.reason for event in state.sources.events("plex-1", limit=2)] == ["198", "199"]
    assert not state.sources.events("other")


def test_another_process_sees_the_change(tmp_path: Path) -> None:
    """Two openings of one folder, and a third after both have closed."""
    with open_state(tmp_path) as one, open_state(tmp_path) as two:
        one.sources.add(a_source())
        two.sources.update("plex-1", name="Attic")
        assert one.sources.get("plex-1").name == "Attic"
    with open_state(tmp_path) as later:
        assert later.sources.get("plex-1").name == "Attic"
    assert (tmp_path / "sources.json").stat().st_mode & 0o777 == 0o600


def test_sources_of_a_newer_vidra_are_refused(tmp_path: Path) -> None:
    """Rather than half understood."""
    with open_state(tmp_path) as state:
        state.sources.add(a_source())
    database = JournalDB(tmp_path / "sources.json")
    database.table("sources").update({"version": 99})
    database.close()
    with open_state(tmp_path) as state, pytest.raises(StateTooNew):
        state.sources.list()

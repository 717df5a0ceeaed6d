"""What people hear of libraries that are not synced."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tasks.library_notices import sync_notices
from tasks.library_work import Outcome
from tests.notices.test_notifying import hook, settings
from vidra.connections import Candidate, Standing
from vidra.library.status import SyncMode, SyncState, SyncStatus
from vidra.settings import Settings
from vidra.state.source_interface import AuthState, Source, SourceKind

AT = "2026-11-20T20:00:00.000000Z"
HERE = Candidate(uri="http://local", local=True)


@pytest.fixture
def config(tmp_path: Path) -> Settings:
    """Return settings with a channel."""
    return settings(tmp_path, hook=hook("http://127.0.0.1:9/"))


def source(*, away: bool = False, **fields: Any) -> Source:
    """Return a source, in reach unless `away`."""
    standing = Standing(candidates=(HERE,), primary=None if away else HERE.uri, last_primary=HERE.uri)
    return Source(
        source_id="home", name="Home", type=SourceKind.PLEX, created_at=AT, updated_at=AT,
        standing=standing.model_dump(mode="json"), **fields,
    )  # fmt: skip


def outcome(state: SyncState, **fields: Any) -> Outcome:
    """Return how a sync of it went."""
    return Outcome(source="home", status=SyncStatus(state=state, mode=SyncMode.FULL, started=1, **fields))


def told(config: Settings, one: Outcome, of: Source) -> list[tuple[str, str, str]]:
    """Return event, subject and text of what is told."""
    return [(n.event.value, n.subject, n.text) for n in sync_notices([one], [of], config)]


def test_a_failure_is_told_with_its_reason_and_its_end_once(config: Settings) -> None:
    """A section that fails is a failure too; the second good sync is no news."""
    partly = outcome(SyncState.PARTIAL, errors={"Films": "broken"})
    good = outcome(SyncState.COMPLETE)
    assert told(config, good, source()) == []
    assert told(config, partly, source()) == [("failed", "source:home", "Films: broken")]
    assert told(config, good, source()) == [("recovered", "source:home", "")]
    assert told(config, good, source()) == []


@pytest.mark.parametrize("away", [{"away": True}, {"auth_status": AuthState.AUTH_REQUIRED}])
def test_nothing_is_told_of_a_server_that_is_away(config: Settings, away: dict[str, Any]) -> None:
    """People hear that it is away from the scoring of its connections."""
    assert told(config, Outcome(source="home", problem="timeout"), source(**away)) == []


def test_the_guard_of_deletions_wants_a_decision(config: Settings) -> None:
    """A server that lists nothing any more: the text says what to type."""
    doubt = outcome(SyncState.COMPLETE, warnings=("Films: nothing was deleted; sync with --yes",))
    assert told(config, doubt, source()) == [
        ("guard", "source:home", "Films: nothing was deleted; sync with --yes")
    ]


def test_a_run_that_only_joined_another_tells_nothing(config: Settings) -> None:
    """Who did the work tells."""
    assert told(config, Outcome(source="home", problem="x", joined=True), source()) == []

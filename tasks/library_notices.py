"""What people are told of a library's sync: that it failed, works again, or waits for their decision."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from tasks.library_work import LibraryWork, Outcome
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.notices.notifying import asend, mark_failing
from vidra.engine.sources.access import standing_of
from vidra.library.status import SyncState
from vidra.notices import Notice
from vidra.settings import Settings
from vidra.settings.notices import NoticeEvent
from vidra.state.source_interface import AuthState, Source, SourceKind


async def tell_syncs(work: LibraryWork, outcomes: Sequence[Outcome], *, dry_run: bool) -> None:
    """Tell the owner what went wrong; nothing of a source that is away, which is told already."""
    if dry_run or not work.settings.notifications.channels:
        return
    sources = {source.source_id: source for source in await asyncio.to_thread(work.room.store.list)}
    notices = await asyncio.to_thread(sync_notices, outcomes, sources.values(), work.settings)
    await asend(notices, work.settings)


def sync_notices(outcomes: Iterable[Outcome], sources: Iterable[Source], settings: Settings) -> list[Notice]:
    """Return what to tell, and remember which sources fail, so that their recovery is told once."""
    known = {source.source_id: source for source in sources}
    found: list[Notice] = []
    for outcome in outcomes:
        source = known.get(outcome.source)
        if source is None or outcome.joined or (outcome.status is None and outcome.problem is None):
            continue
        if decision := _decision(outcome):
            found.append(_notice(NoticeEvent.GUARD, source, "wants your decision", decision))
        trouble = _trouble(outcome)
        if trouble is None:
            if mark_failing(f"library:{outcome.source}", settings, failing=False):
                found.append(_notice(NoticeEvent.RECOVERED, source, "the library is synced again", ""))
        elif not _is_away(source):
            mark_failing(f"library:{outcome.source}", settings, failing=True)
            found.append(_notice(NoticeEvent.FAILED, source, "the library was not synced", trouble))
    return found


def _trouble(outcome: Outcome) -> str | None:
    """Return why the sync failed, wholly or in part; None if it did not."""
    status = outcome.status
    errors = [] if status is None else [f"{name}: {text}" for name, text in status.errors.items()]
    told = "; ".join([*([outcome.problem] if outcome.problem else []), *errors])
    failed = outcome.failed or (status is not None and status.state is SyncState.PARTIAL)
    return told or "no reason was given" if failed else None


def _decision(outcome: Outcome) -> str | None:
    """Return what the guard of deletions wants to know; None if it had no doubts."""
    return "; ".join(outcome.status.warnings) if outcome.status is not None else None


def _is_away(source: Source) -> bool:
    """Whether people hear from the scoring of connections that nothing can come of this source now."""
    if source.type is SourceKind.LOCAL:
        return False
    return source.auth_status is AuthState.AUTH_REQUIRED or standing_of(source).primary is None


def _notice(event: NoticeEvent, source: Source, title: str, text: str) -> Notice:
    return Notice(
        event=event,
        subject=f"source:{source.source_id}",
        title=f"{source.name}: {title}",
        text=text,
        at=SYSTEM_CLOCK.now(),
        trouble="library",
    )

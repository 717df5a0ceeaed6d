"""One look at the connections of all sources: its events, and the table that a person wants to see."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, Final, Self

from prefect.events import emit_event

from tasks.artifacts import leave_table
from tasks.followed_sources import follow_sources
from tasks.reporting import RunLogger
from tasks.run_settings import run_settings
from tasks.source_notices import due_notices
from tasks.telling import tell
from vidra.engine.library.asking import push_to_reached
from vidra.engine.sources.access import SourceRoom, open_sources, standing_of
from vidra.engine.sources.checks import Checked, check_sources
from vidra.engine.sources.refreshing import ask_for_refresh, waiting_for
from vidra.engine.sources.view import connection_rows, source_json
from vidra.errors import EngineError
from vidra.redaction import redact
from vidra.state import open_configured_state
from vidra.state.source_interface import AuthState, Source, SourceEvent, SourceEventKind, SourceKind

ARTIFACT: Final = "connections"
_SHOWN: Final = ("class", "available", "in_use", "problem")
"""What has to change for a new table to be left: one every 30 s would be 3,000 a day, and scores breathe."""
_GRAVE: Final = frozenset({SourceEventKind.CONNECTION_LOST, SourceEventKind.AUTH_CHANGED})


class ConnectionWork:
    """What the steps of the flow need. Use it as an asynchronous context manager."""

    def __init__(self, *, run_logger: RunLogger) -> None:
        self._logger = run_logger
        self._stack = AsyncExitStack()
        self.room: SourceRoom

    async def __aenter__(self) -> Self:
        """Open state, pool and credentials; bring declared sources up to date."""
        settings = run_settings()
        state = self._stack.enter_context(open_configured_state(settings.storage))
        await follow_sources(settings, state.sources, run_logger=self._logger)
        self.room = await self._stack.enter_async_context(open_sources(settings, state.sources))
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of everything."""
        await self._stack.__aexit__(kind, error, trace)

    async def look(
        self, source_ids: Sequence[str] | None, *, only_due: bool, dry_run: bool
    ) -> Sequence[Checked]:
        """Probe the sources and store what was found; with `dry_run` only look."""
        checked = await check_sources(self.room, source_ids, only_due=only_due, store=not dry_run)
        for one in checked:
            if one.problem:
                self._logger.info("%s: %s", one.after.source_id, redact(one.problem))
        return checked

    def tell(self, checked: Sequence[Checked]) -> int:
        """Log what happened and emit it as Prefect events; return how many events there were."""
        events = [event for one in checked for event in one.events]
        for event in events:
            level = "warning" if event.event in _GRAVE else "info"
            getattr(self._logger, level)("%s", _sentence(event))
            emit_event(
                event=f"vidra.{event.event.value}",
                resource={"prefect.resource.id": f"vidra.source.{event.source_id}"},
                payload=_payload(event),
            )
        return len(events)

    async def notify(self, checked: Sequence[Checked]) -> None:
        """Tell the owner what a person has to know."""
        await tell(due_notices(checked), self.room.settings, self._logger)

    async def remind_servers(self) -> None:
        """Ask for another try where servers were away when files arrived or something was watched."""
        sources = await asyncio.to_thread(self.room.store.list)
        reached = {one.source_id for one in sources if _is_usable(one)}
        await push_to_reached(self.room.settings.storage, reached)
        waiting = await asyncio.to_thread(waiting_for, self.room.settings.storage.data_dir)
        if reached & waiting:
            try:
                await ask_for_refresh()
            except EngineError as error:
                self._logger.info("files wait for %s: %s", ", ".join(sorted(waiting)), error)

    async def leave_table(self, checked: Sequence[Checked]) -> bool:
        """Leave the score table if it says anything new; return whether it did."""
        if not any(_differs(one) for one in checked):
            return False
        sources = await asyncio.to_thread(self.room.store.list)
        table = [
            {"source": source.source_id, **row}
            for source in sources
            for row in connection_rows(standing_of(source))
        ]
        await leave_table(ARTIFACT, table, "How every address of every source does")
        return True


def summary(checked: Sequence[Checked], room: SourceRoom) -> str:
    """Return what the round found, in one line."""
    now = room.clock.now()
    pages = [source_json(one.after, now=now) for one in checked]
    online = sum(page["connection"]["status"] == "online" for page in pages)
    signed_out = sum(page["auth_status"] == "auth_required" for page in pages)
    text = f"{online} of {len(pages)} sources reached"
    return f"{text}, {signed_out} to sign in to" if signed_out else text


def _is_usable(source: Source) -> bool:
    signed_in = source.auth_status is not AuthState.AUTH_REQUIRED
    return signed_in and standing_of(source).primary is not None


def _differs(one: Checked) -> bool:
    if one.after.type is SourceKind.LOCAL:
        return False
    before, after = standing_of(one.before), one.standing
    return _gist(connection_rows(before)) != _gist(connection_rows(after))


def _gist(rows: Sequence[dict[str, Any]]) -> list[tuple[object, ...]]:
    return sorted((row["uri"], *(str(row[name]) for name in _SHOWN)) for row in rows)


def _sentence(event: SourceEvent) -> str:
    change = " -> ".join(filter(None, (event.old, event.new)))
    return redact(" ".join(filter(None, (event.source_id, event.event.value, change, event.reason))))


def _payload(event: SourceEvent) -> dict[str, Any]:
    return {
        "source": event.source_id,
        "old": event.old and redact(event.old),
        "new": event.new and redact(event.new),
        "reason": event.reason,
        "at": event.at,
    }

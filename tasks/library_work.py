"""One flow run's work on libraries: which sources, who else is at it, how each of them went."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any, Final

import anyio
from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State as FlowState
from prefect.events import emit_event
from prefect.states import Completed, Failed

from tasks.followed_sources import follow_sources
from tasks.library_gaps import fill_gaps
from tasks.library_push import Pushed, push_changes
from tasks.library_sync import SourceSync, record_failure, sync_source
from tasks.reporting import RunLogger
from tasks.retry_policy import TaskPolicy, only_try_later
from tasks.run_settings import run_settings
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.library.acting import pending_items, retarget
from vidra.engine.library.exchanging import exchange_watched
from vidra.engine.library.forgetting import forget_strays
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue, open_shelf, push_lock, sync_lock
from vidra.engine.library.watch_book import ShelfWatchBook
from vidra.engine.sources.access import SourceRoom, open_sources
from vidra.errors import AuthRequired, SourceNotFound, VidraError
from vidra.library.records import SYNC
from vidra.library.request import LibrarySyncRequest
from vidra.library.status import STATUS_KEY, SyncState, SyncStatus
from vidra.redaction import redact
from vidra.servers.interface import MediaServer, Section, SectionKind
from vidra.settings import Settings
from vidra.settings.library import LibrarySettings, SyncWatched
from vidra.state import open_configured_state
from vidra.state.keyed import KeyedStore

JOIN_LIMIT_S: Final = 3600.0
"""Seconds a second request waits for the running sync of a source."""
_JOIN_POLL_S: Final = 0.2
_LONGEST_RETRY_AFTER_S: Final = 120.0
_AT_ONCE: Final = 4
"""Sources that are synced side by side."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How a source's sync went."""

    source: str
    status: SyncStatus | None = None
    """None if only changes were sent."""
    joined: bool = False
    """Whether another run did the work."""
    pushed: Pushed = field(default_factory=Pushed)
    problem: str | None = None
    remark: str | None = None
    """What a person should know though nothing of the server's is missing."""
    sample: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @property
    def failed(self) -> bool:
        """Whether nothing came of it."""
        return self.problem is not None or (self.status is not None and self.status.state is SyncState.FAILED)

    def row(self) -> dict[str, object]:
        """Return the outcome as a row of a table."""
        status = self.status
        difference = {} if status is None else status.difference
        troubles = [] if status is None else [*status.errors.values(), *status.warnings]
        troubles += [text for text in (self.problem, self.pushed.error, self.remark) if text]
        return {
            "source": self.source,
            "state": "pushed" if status is None else status.state.value,
            "joined": self.joined,
            **{name: difference.get(name, 0) for name in ("added", "changed", "moved", "buried", "removed")},
            "sent": self.pushed.sent,
            "waiting": self.pushed.waiting,
            "stuck": self.pushed.stuck,
            "trouble": "; ".join(troubles),
        }


@task(name="sync section", task_run_name="sync {section.title}")
async def sync_section(sync: SourceSync, section: Section) -> None:
    """Sync one section. Raises the server's errors; `TryLater` is retried."""
    await sync.sync_section(section)


class LibraryWork:
    """What the steps of the flow need. Made by `open_library`."""

    def __init__(
        self,
        request: LibrarySyncRequest,
        *,
        settings: Settings,
        room: SourceRoom,
        queue: KeyedStore,
        run_logger: RunLogger,
    ) -> None:
        self.request, self.settings, self.room, self.queue = request, settings, room, queue
        self._logger = run_logger

    async def sync_all(self) -> Sequence[Outcome]:
        """Sync every source that was asked for, some at once; none keeps another from its sync."""
        sources = await asyncio.to_thread(self._asked)
        slots = asyncio.Semaphore(_AT_ONCE)

        async def one(source: str) -> Outcome:
            """Sync one source when it is its turn."""
            async with slots:
                return await self._alone(source)

        return await asyncio.gather(*(one(source) for source in sources))

    async def _alone(self, source: str) -> Outcome:
        try:
            outcome = await self._sync(source)
        except VidraError as error:
            outcome = Outcome(source=source, problem=redact(str(error)))
        self._tell(outcome)
        return outcome

    async def _sync(self, source: str) -> Outcome:
        if self.request.push_only:
            return Outcome(source=source, pushed=await self._push_only(source))
        if self.request.dry_run:
            return await self._locked(source)
        lock = sync_lock(self.settings.storage, source)
        while not await asyncio.to_thread(lock.try_acquire):
            joined = await self._join(source)
            if joined.status is None or joined.status.started >= (self.request.begun_after or 0):
                return joined
        try:
            outcome = await self._locked(source)
        finally:
            await asyncio.to_thread(lock.release)
        if outcome.status is not None and outcome.status.state is SyncState.COMPLETE:
            moment = iso(SYSTEM_CLOCK.now())
            await asyncio.to_thread(lambda: self.room.store.update(source, last_sync=moment))
        if self.settings.tmdb.active and not outcome.failed:
            outcome = replace(outcome, remark=await fill_gaps(self.settings, source, self._logger))
        return outcome

    async def _locked(self, source: str) -> Outcome:
        shelf = open_shelf(self.settings.storage, source)
        try:
            async with self.room.server(source, book=ShelfWatchBook(shelf)) as server:
                return await self._with_server(source, shelf, server)
        except AuthRequired as error:
            if self.request.dry_run:
                raise
            return Outcome(source=source, status=await asyncio.to_thread(record_failure, shelf, error))
        finally:
            shelf.close()

    async def _with_server(self, source: str, shelf: KeyedStore, server: MediaServer) -> Outcome:
        """Send what waits, list what is there, carry watch state between sources, and send that."""
        library = self.settings.library
        dry_run = self.request.dry_run
        first = Pushed() if dry_run else await self._push(source, server)
        sync = SourceSync(
            server,
            shelf,
            settings=library,
            leave_out=library.of(source).leave_out,
            full=self.request.full,
            dry_run=dry_run,
            accept_deletions=self.request.accept_deletions,
            pending=pending_items(self.queue, shelf, source),
            on_move=lambda moves: retarget(self.queue, source, moves),
        )
        policy = section_policy(library)

        async def attempt(section: Section) -> None:
            """Sync a section as a task of its own, which for playlists would cost more than the work."""
            if section.kind is SectionKind.PLAYLISTS:
                await sync.sync_section(section)
                return
            await sync_section.with_options(**policy)(sync, section)

        status = await sync_source(sync, concurrency=library.concurrency, attempt=attempt)
        if isinstance(sync.failure, AuthRequired):
            raise sync.failure
        second = first
        if not dry_run and status.state is not SyncState.FAILED:
            await self._exchange(source)
            second = await self._push(source, server)
            second = replace(second, sent=first.sent + second.sent)
        return Outcome(source=source, status=status, pushed=second, sample=sync.sample.titles)

    async def _exchange(self, source: str) -> None:
        if self.settings.library.of(source).sync_watched is SyncWatched.OFF:
            return

        def work() -> dict[str, int]:
            with Library(self.settings.storage) as library:
                return exchange_watched(library, self.queue, source, self.settings.library)

        for taker, count in (await asyncio.to_thread(work)).items():
            self._logger.info("%s: %d watch states from other sources", taker, count)
            if taker != source:
                await self._push_to_other(taker)

    async def _push_to_other(self, source: str) -> None:
        """Send what is queued for another source; if it is away, its own sync or reconnection does it."""
        try:
            await self._push_only(source)
        except VidraError as error:
            self._logger.info("%s: watch states wait: %s", source, redact(str(error)))

    async def _push_only(self, source: str) -> Pushed:
        shelf = open_shelf(self.settings.storage, source)
        try:
            async with self.room.server(source, book=ShelfWatchBook(shelf)) as server:
                return await self._push(source, server)
        finally:
            shelf.close()

    async def _push(self, source: str, server: MediaServer) -> Pushed:
        """Send what is due, unless another run does so just now."""
        lock = push_lock(self.settings.storage, source)
        if not await asyncio.to_thread(lock.try_acquire):
            return Pushed()
        try:
            return await push_changes(
                server,
                self.queue,
                source,
                settings=self.settings.library,
                everything=self.request.push_only,
            )
        finally:
            await asyncio.to_thread(lock.release)

    async def _join(self, source: str) -> Outcome:
        """Wait for the sync that runs and return how it went."""
        self._logger.info("%s: is being synced already; waiting for that", source)
        lock = sync_lock(self.settings.storage, source, purpose="joined")
        with anyio.move_on_after(JOIN_LIMIT_S):
            while not await asyncio.to_thread(lock.try_acquire):  # noqa: ASYNC110 - another process holds it
                await anyio.sleep(_JOIN_POLL_S)
            await asyncio.to_thread(lock.release)
        with open_shelf(self.settings.storage, source) as shelf:
            found = shelf.get(SYNC, STATUS_KEY)
        status = None if found is None else SyncStatus.model_validate(found)
        return Outcome(source=source, status=status, joined=True)

    def _asked(self) -> Sequence[str]:
        known = [source.source_id for source in self.room.store.list()]
        for name in self.request.sources or ():
            if name not in known:
                raise SourceNotFound(name, known)
        return self.request.sources or known

    def _tell(self, outcome: Outcome) -> None:
        row = {name: value for name, value in outcome.row().items() if value not in {0, ""}}
        text = ", ".join(f"{name} {value}" for name, value in row.items() if name != "source")
        log = self._logger.warning if outcome.failed or row.get("trouble") else self._logger.info
        log("%s: %s", outcome.source, text)
        if not self.request.dry_run and not outcome.joined:
            emit_event(
                event=f"vidra.sync-{'failed' if outcome.failed else 'completed'}",
                resource={"prefect.resource.id": f"vidra.source.{outcome.source}"},
                payload={**row, "source": outcome.source},
            )


def section_policy(settings: LibrarySettings) -> TaskPolicy:
    """Return when a section is tried again: after passing trouble, backed off, `Retry-After` honoured."""
    return TaskPolicy(
        retries=settings.retries,
        retry_delay_seconds=[settings.retry_delay * 2**n for n in range(max(1, settings.retries))],
        retry_jitter_factor=0.3,
        retry_condition_fn=only_try_later(_LONGEST_RETRY_AFTER_S),
        cache_policy=NO_CACHE,
        persist_result=False,
    )


@asynccontextmanager
async def open_library(request: LibrarySyncRequest, *, run_logger: RunLogger) -> AsyncIterator[LibraryWork]:
    """Yield the work of this run; brings declared sources up to date first."""
    settings = run_settings()
    async with AsyncExitStack() as stack:
        state = stack.enter_context(open_configured_state(settings.storage))
        await follow_sources(settings, state.sources, run_logger=run_logger)
        known = {source.source_id for source in state.sources.list()}
        await asyncio.to_thread(forget_strays, settings, known)
        room = await stack.enter_async_context(open_sources(settings, state.sources))
        queue = stack.enter_context(open_queue(settings.storage))
        yield LibraryWork(request, settings=settings, room=room, queue=queue, run_logger=run_logger)


def final_state(outcomes: Sequence[Outcome]) -> FlowState[None]:
    """Return how the run ended: Failed if every source failed, with the reasons in the message."""
    lines = [f"{o.source}: {_words(o.row())}" for o in outcomes] or ["there are no sources"]
    failed = bool(outcomes) and all(outcome.failed for outcome in outcomes)
    return (Failed if failed else Completed)(message="; ".join(lines)[:2000])


def _words(row: Mapping[str, Any]) -> str:
    told = [f"{row[name]} {name}" for name in ("added", "changed", "moved", "buried", "removed") if row[name]]
    told += [f"{row['sent']} watch changes sent"] if row["sent"] else []
    text = f"{row['state']}{' (joined)' if row['joined'] else ''}"
    return ", ".join([text, *told]) + (f" ({row['trouble']})" if row["trouble"] else "")

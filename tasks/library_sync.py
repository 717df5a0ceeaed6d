"""Brings the stored library of one source in line with its server: sections, items, rows.

Every page is stored as it comes, so a run that is killed loses a page at most, and the next one goes
on with the listings that were not through.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Collection, Coroutine, Iterable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Final, cast

from tasks.library_records import item_record, row_record, section_record
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.library.collecting import rare_collections
from vidra.errors import AuthRequired, Missing, Refused, RemoteError
from vidra.library.guard import DeletionRules
from vidra.library.listing import Change, Difference, Ending, Listing
from vidra.library.records import ITEMS, ROWS, SECTIONS, SYNC, ItemRecord, SectionRecord
from vidra.library.sections import is_essential, kinds_of, needs_full, next_since, vanished
from vidra.library.status import STATUS_KEY, SyncMode, SyncState, SyncStatus, counted
from vidra.redaction import redact
from vidra.servers.interface import ItemKind, MediaServer, Section
from vidra.settings.library import LibrarySettings
from vidra.state.keyed import KeyedStore, Put

TELL_S: Final = 0.5
"""Seconds between two notes of how far a sync is."""
RESUMABLE_S: Final = 6 * 3600
"""Seconds after which a killed sync is begun anew rather than gone on with."""
SAMPLE: Final = 50
"""Items that a dry run names for each kind of difference."""

Stored = Mapping[str, ItemRecord]


@dataclass(kw_only=True)
class Sample:
    """The first items of each kind of difference, by title, for a person who asked for a dry run."""

    titles: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def note(self, stored: Stored, changes: Iterable[Change]) -> None:
        """Take note of what changes would do."""
        for key, new in changes:
            old = stored.get(key)
            what = "removed" if new is None else "added" if old is None else "changed"
            if new is not None and new.get("missed"):
                what = "buried"
            shown = self.titles[what]
            if len(shown) < SAMPLE:
                shown.append(_title(new or old or {}))


class SourceSync:
    """One sync of one source. `begin`, `sections`, `sync_section` for each, `rows`, `end`.

    With `dry_run` nothing is stored, not even that it ran. `pending` are item keys whose watch state
    waits to be sent; `on_move` is told when items got another id.
    """

    def __init__(
        self,
        server: MediaServer,
        store: KeyedStore,
        *,
        settings: LibrarySettings,
        leave_out: Collection[str] = (),
        full: bool = False,
        dry_run: bool = False,
        accept_deletions: bool = False,
        pending: Collection[str] = frozenset(),
        on_move: Callable[[Sequence[tuple[str, str]]], None] | None = None,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._server, self._store, self._settings, self._clock = server, store, settings, clock
        self._leave_out, self._pending, self._on_move = frozenset(leave_out), pending, on_move
        self._full, self._dry_run = full, dry_run
        self._rules = DeletionRules(
            confirming_syncs=settings.confirming_syncs,
            largest_share=settings.largest_loss,
            accepted=accept_deletions,
        )
        self._stored: dict[tuple[str, str], dict[str, ItemRecord]] = {}
        self._difference = Difference()
        self._told = 0.0
        self.failure: BaseException | None = None
        """Why the sync as a whole failed, once it has."""
        self.sample = Sample()
        self.status = SyncStatus(state=SyncState.RUNNING, mode=SyncMode.FULL, started=0)

    async def begin(self) -> None:
        """Look at what is stored and say that a sync runs; goes on with one that was killed."""
        before = self._last()
        mode = SyncMode.FULL if self._full else SyncMode.INCREMENTAL
        now = self._now()
        resumed = (
            before is not None
            and before.state is SyncState.RUNNING
            and before.mode is mode
            and now - before.started < RESUMABLE_S
        )
        self.status = SyncStatus(
            state=SyncState.RUNNING,
            mode=mode,
            started=before.started if before and resumed else now,
            complete_since=before.complete_since if before else None,
            listed=before.listed if before and resumed else (),
            done=before.done if before and resumed else {},
            totals=before.totals if before and resumed else {},
        )
        self._stored = await asyncio.to_thread(self._grouped)
        await self._tell(force=True)

    async def sections(self) -> Sequence[Section]:
        """Return the sections to sync; those that are gone are marked, or forgotten after a while."""
        libraries = await self._server.sections()
        offered = [*libraries, *(self._server.selections() if libraries else ())]
        found = [section for section in offered if section.title not in self._leave_out]
        known = cast("Sequence[SectionRecord]", self._store.all(SECTIONS))
        listed = [section.id for section in found]
        marked, over, warning = vanished(known, listed, self._rules, now=self._now())
        if warning:
            self._warn(warning)
        puts: list[Put] = [(SECTIONS, section["key"], section) for section in marked]
        for key in over:
            puts.append((SECTIONS, key, None))
            gone = [k for (section, _), records in self._stored.items() if section == key for k in records]
            puts += [(ITEMS, k, None) for k in gone]
            self._difference += Difference(removed=len(gone))
        await self._write(puts)
        return found

    async def sync_section(self, section: Section) -> None:
        """List what the section holds and store what differs. Raises the server's errors.

        What was stored until then stays; a later try goes on with the listings that are not through.
        """
        known = self._store.get(SECTIONS, section.id)
        started = self.status.started
        full = self._full or needs_full(known, now=started, every=self._settings.full_every)
        since = None if full or known is None else known["since"] - int(self._settings.overlap)
        newest = 0
        for kind in kinds_of(section.kind.value, full=full):
            newest = max(newest, await self._sync_kind(section, kind, since))
        record = dict(section_record(section))
        record |= {
            "synced": started,
            "full": started if full else cast("dict[str, Any]", known)["full"],
            "since": next_since(started=started, newest=newest, before=(known or {}).get("since", 0)),
        }
        await self._write([(SECTIONS, section.id, record)])

    async def fail_section(self, section: Section, error: BaseException) -> None:
        """Keep why a section failed; the next sync tries it again like any other."""
        text = redact(str(error)) or type(error).__name__
        self.status = self.status.model_copy(update={"errors": {**self.status.errors, section.title: text}})
        known = self._store.get(SECTIONS, section.id) or section_record(section)
        await self._write([(SECTIONS, section.id, {**known, "error": text})])

    def note_error(self, what: str, error: BaseException) -> str:
        """Keep why a part failed, so that the sync ends as partial; return the text."""
        text = redact(str(error)) or type(error).__name__
        self.status = self.status.model_copy(update={"errors": {**self.status.errors, what: text}})
        return text

    async def rows(self) -> None:
        """Replace the rows of the home screen; items that are not known yet are left out of them."""
        rows = await self._server.rows(limit=50)
        keys = {record["id"]: record["key"] for record in self._store.all(ITEMS)}
        records = [
            row_record(row, n, [keys[item.id] for item in row.items if item.id in keys])
            for n, row in enumerate(rows)
        ]
        there = {record["key"] for record in records}
        puts: list[Put] = [(ROWS, r["key"], None) for r in self._store.all(ROWS) if r["key"] not in there]
        puts += [(ROWS, r["key"], r) for r in records if self._store.get(ROWS, r["key"]) != r]
        await self._write(puts)

    async def end(self, failure: BaseException | None = None) -> SyncStatus:
        """Say how it ended and return that."""
        state = SyncState.COMPLETE
        errors = dict(self.status.errors)
        if failure is not None:
            self.failure = failure
            state = SyncState.FAILED
            errors = {"": redact(str(failure)) or type(failure).__name__}
        elif errors:
            state = SyncState.PARTIAL
        update: dict[str, Any] = {"state": state, "finished": self._now(), "errors": errors}
        update["difference"] = counted(self._difference)
        if state is SyncState.COMPLETE:
            update["complete_since"] = self.status.started
        self.status = self.status.model_copy(update=update)
        await self._tell(force=True)
        return self.status

    async def _sync_kind(self, section: Section, kind: str, since: int | None) -> int:
        name = f"{section.id}/{kind}"
        if name in self.status.listed:
            return 0
        stored = self._stored.get((section.id, kind), {})
        try:
            newest = await self._list(section, kind, stored, since)
        except AuthRequired:
            raise
        except (Missing, Refused):
            if is_essential(section.kind.value, kind):
                raise
            return 0  # a server without such items; what is known of them is not touched
        self.status = self.status.model_copy(update={"listed": (*self.status.listed, name)})
        await self._tell()
        return newest

    async def _list(self, section: Section, kind: str, stored: Stored, since: int | None) -> int:
        if since is not None:
            try:
                listing = await self._pass(section, kind, stored, since)
            except Missing:
                pass  # this section cannot be asked for changes
            else:
                if await self._server.count(section, ItemKind(kind)) == listing.live:
                    return listing.newest
                stored = self._regrouped(section.id, kind)
        return (await self._pass(section, kind, stored, None)).newest

    async def _pass(self, section: Section, kind: str, stored: Stored, since: int | None) -> Listing:
        """Go through one listing, storing page by page."""
        listing = Listing(
            stored, full=since is None, rules=self._rules, pending=self._pending, now=self._now()
        )
        changed_since = None if since is None else datetime.fromtimestamp(since, UTC)
        total: int | None = None
        pages = self._server.items(
            section, ItemKind(kind), changed_since=changed_since, page_size=self._settings.page_size
        )
        async with aclosing(pages):
            async for page in pages:
                changes = listing.take([item_record(item, section.id) for item in page.items])
                total = page.total if page.total is not None else total
                await self._apply(stored, changes)
                await self._note(section, kind, listing.seen, total)
        ending = listing.finish(complete=total is None or listing.seen >= total)
        await self._finish(section, stored, ending)
        self._difference += listing.difference()
        return listing

    async def _finish(self, section: Section, stored: Stored, ending: Ending) -> None:
        await self._apply(stored, ending.changes)
        if ending.warning:
            self._warn(f"{section.title}: {ending.warning}")
        if ending.moves and self._on_move is not None and not self._dry_run:
            await asyncio.to_thread(self._on_move, ending.moves)

    async def _apply(self, stored: Stored, changes: Sequence[Change]) -> None:
        if self._dry_run:
            self.sample.note(stored, changes)
        await self._write([(ITEMS, key, record) for key, record in changes])

    async def _write(self, puts: Sequence[Put]) -> None:
        if puts and not self._dry_run:
            await asyncio.to_thread(self._store.put, puts)

    async def _note(self, section: Section, kind: str, done: int, total: int | None) -> None:
        name = f"{section.id}/{kind}"
        totals = self.status.totals if total is None else {**self.status.totals, name: total}
        self.status = self.status.model_copy(
            update={"done": {**self.status.done, name: done}, "totals": totals}
        )
        await self._tell()

    async def _tell(self, *, force: bool = False) -> None:
        now = self._clock.monotonic()
        if force or now - self._told >= TELL_S:
            self._told = now
            await self._write([(SYNC, STATUS_KEY, self.status.model_dump(mode="json"))])

    def _warn(self, text: str) -> None:
        self.status = self.status.model_copy(update={"warnings": (*self.status.warnings, text)})

    def _last(self) -> SyncStatus | None:
        found = self._store.get(SYNC, STATUS_KEY)
        return None if found is None else SyncStatus.model_validate(found)

    def _grouped(self) -> dict[tuple[str, str], dict[str, ItemRecord]]:
        groups: dict[tuple[str, str], dict[str, ItemRecord]] = defaultdict(dict)
        for record in cast("Sequence[ItemRecord]", self._store.all(ITEMS)):
            groups[record["section"], record["kind"]][record["key"]] = record
        return groups

    def _regrouped(self, section: str, kind: str) -> dict[str, ItemRecord]:
        self._stored = self._grouped()
        return self._stored.get((section, kind), {})

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


async def sync_source(
    sync: SourceSync,
    *,
    concurrency: int,
    attempt: Callable[[Section], Awaitable[None]] | None = None,
) -> SyncStatus:
    """Do one whole sync; `attempt` wraps the sync of a section, with retries for instance."""
    attempt = attempt or sync.sync_section
    slots = asyncio.Semaphore(concurrency)

    async def one(section: Section) -> None:
        """Sync one section; its failure stays its own."""
        async with slots:
            try:
                await attempt(section)
            except AuthRequired:
                raise
            except Exception as error:  # noqa: BLE001 - the outermost edge of a section; kept, and the status says partial
                await sync.fail_section(section, error)

    with rare_collections():
        return await _sync(sync, one)


async def _sync(sync: SourceSync, one: Callable[[Section], Coroutine[None, None, None]]) -> SyncStatus:
    await sync.begin()
    try:
        sections = await sync.sections()
        async with asyncio.TaskGroup() as group:
            for section in sections:
                group.create_task(one(section))
    except Exception as error:  # noqa: BLE001 - the outermost edge of a sync; the status tells it
        return await sync.end(_first(error))
    try:
        await sync.rows()
    except RemoteError as error:
        sync.note_error("home rows", error)
    return await sync.end()


def record_failure(store: KeyedStore, error: BaseException, *, clock: Clock = SYSTEM_CLOCK) -> SyncStatus:
    """Store that a sync failed before it could begin, and return that."""
    now = int(clock.now().timestamp())
    before = store.get(SYNC, STATUS_KEY) or {}
    status = SyncStatus(
        state=SyncState.FAILED,
        mode=SyncMode.INCREMENTAL,
        started=now,
        finished=now,
        complete_since=before.get("complete_since"),
        errors={"": redact(str(error)) or type(error).__name__},
    )
    store.put([(SYNC, STATUS_KEY, status.model_dump(mode="json"))])
    return status


def _first(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _title(record: Mapping[str, Any]) -> str:
    title = str(record.get("title", ""))
    if record.get("kind") != "episode":
        year = record.get("year")
        return f"{title} ({year})" if year else title
    return f"{record.get('show_title', '')} {record.get('season', 0)}x{record.get('episode', 0):02d} {title}"

"""The sources, in `sources.json`: records, what is known of their addresses, and the latest events."""

from __future__ import annotations

import builtins
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from vidra.clock import Clock, iso
from vidra.errors import SourceNotFound, UsageError

from .frame import Frame
from .history import FeedOf
from .keyed import KEY, Document, KeyedStore, Put, Tables
from .naming import is_job_id
from .records import EVENTS, SOURCES, STANDINGS, from_document, replaced, to_document
from .source_interface import (
    Amended,
    Amendment,
    Source,
    SourceChange,
    SourceChangeKind,
    SourceEvent,
    SourceEventKind,
    SourceStore,
)

EVENTS_KEPT: Final = 500
_STANDING: Final = "standing"
_UNREMARKABLE: Final = {"updated_at", "last_auth_check", "last_sync", _STANDING}
"""Fields whose change leaves `updated_at` alone: they say what Vidra did, not what the source is."""


class KeyedSourceStore(SourceStore):
    """See `SourceStore`; over any keyed store, with the feed that belongs to it."""

    def __init__(
        self, store: KeyedStore, *, path: Path, clock: Clock, feed: Callable[[], FeedOf[SourceChange]]
    ) -> None:
        self._store, self._path, self._clock, self._feed = store, path, clock, feed

    def add(self, source: Source) -> Source:
        """Store a new source and tell of it; raise `ValueError` if its id is taken."""
        checked_source_id(source.source_id)

        def addition(tables: Tables) -> Iterable[Put]:
            if tables.get(SOURCES, source.source_id) is not None:
                raise ValueError(f"there is a source `{source.source_id}` already")
            yield from _puts(tables, source)
            yield from _event_puts(tables, [self._told(SourceEventKind.ADDED, source.source_id)])

        self._store.transact(addition)
        return source

    def get(self, source_id: str) -> Source:
        """Return the source; raise `SourceNotFound`."""
        document = self._store.get(SOURCES, source_id)
        if document is None:
            raise self._unknown(source_id)
        return self._source(document, self._store.get(STANDINGS, source_id))

    def list(self) -> Sequence[Source]:
        """Return all sources in the order in which they were added."""
        standings = {document[KEY]: document for document in self._store.all(STANDINGS)}
        return [self._source(one, standings.get(one[KEY])) for one in self._store.all(SOURCES)]

    def update(self, source_id: str, /, **fields: object) -> Source:
        """Replace fields of the source and return the new record; raise `SourceNotFound`."""
        found = self.amend([source_id], lambda source: Amended(source=replaced(source, fields)))
        if source_id not in found:
            raise self._unknown(source_id)
        return found[source_id]

    def amend(
        self, source_ids: Iterable[str], amendment: Amendment, *, durable: bool = True
    ) -> Mapping[str, Source]:
        """Change several sources in one transaction; see `SourceStore.amend`."""
        wanted, result = list(dict.fromkeys(source_ids)), dict[str, Source]()

        def edition(tables: Tables) -> Iterable[Put]:
            events: list[SourceEvent] = []
            for source_id in wanted:
                document = tables.get(SOURCES, source_id)
                if document is None:
                    continue
                before = self._source(document, tables.get(STANDINGS, source_id))
                amended = amendment(before)
                result[source_id] = self._dated(before, amended.source)
                events += amended.events
                yield from _puts(tables, result[source_id])
            yield from _event_puts(tables, events)

        self._store.transact(lambda tables: builtins.list(edition(tables)), durable=durable)
        return result

    def remove(self, source_id: str) -> None:
        """Forget the source and tell of it; raise `SourceNotFound`."""

        def removal(tables: Tables) -> Iterable[Put]:
            if tables.get(SOURCES, source_id) is None:
                raise self._unknown(source_id)
            yield SOURCES, source_id, None
            yield STANDINGS, source_id, None
            yield from _event_puts(tables, [self._told(SourceEventKind.REMOVED, source_id)])

        self._store.transact(lambda tables: builtins.list(removal(tables)))

    def events(self, source_id: str | None = None, *, limit: int | None = None) -> Sequence[SourceEvent]:
        """Return the newest events, oldest first, of one source or of all."""
        documents = sorted(self._store.all(EVENTS), key=_number)
        found = [one for one in documents if source_id is None or one["source_id"] == source_id]
        kept = found if limit is None else found[max(0, len(found) - limit) :]
        return [from_document(SourceEvent, _bare(one), self._path) for one in kept]

    def feed(self) -> FeedOf[SourceChange]:
        """Return the changes of all sources."""
        return self._feed()

    def _source(self, document: Document, standing: Document | None) -> Source:
        known = {} if standing is None else standing[_STANDING]
        return from_document(Source, {**_bare(document), _STANDING: known}, self._path)

    def _dated(self, before: Source, after: Source) -> Source:
        if after.source_id != before.source_id:
            raise ValueError("a source keeps its id")
        if before.model_dump(exclude=_UNREMARKABLE) == after.model_dump(exclude=_UNREMARKABLE):
            return after
        return after.model_copy(update={"updated_at": iso(self._clock.now())})

    def _told(self, event: SourceEventKind, source_id: str) -> SourceEvent:
        return SourceEvent(event=event, source_id=source_id, at=iso(self._clock.now()))

    def _unknown(self, source_id: str) -> SourceNotFound:
        return SourceNotFound(source_id, [document[KEY] for document in self._store.all(SOURCES)])


def checked_source_id(source_id: str) -> str:
    """Return the id, which becomes part of file names; raise `UsageError` for one that cannot."""
    if not is_job_id(source_id):
        raise UsageError(
            f"source id {source_id!r}: expected 1 to 128 letters, digits, `-` or `_`, the first no `-` or `_`"
        )
    return source_id


def of_sources(path: Path) -> Callable[[Frame], Iterator[SourceChange]]:
    """Return what reads the changes of `sources.json` from its journal."""

    def translate(frame: Frame) -> Iterator[SourceChange]:
        for table, _, document in frame.operations:
            if document is not None and (change := source_change(table, document, path)) is not None:
                yield change

    return translate


def source_change(table: str, document: Mapping[str, Any], path: Path) -> SourceChange | None:
    """Return what a new document in a table of `sources.json` means; None for another table."""
    if table == SOURCES:
        source = from_document(Source, _bare(document), path)
        return SourceChange(kind=SourceChangeKind.SOURCE, source_id=source.source_id, source=source)
    if table == STANDINGS:
        kind, standing = SourceChangeKind.STANDING, document[_STANDING]
        return SourceChange(kind=kind, source_id=document[KEY], standing=standing)
    if table == EVENTS:
        event = from_document(SourceEvent, _bare(document), path)
        return SourceChange(kind=SourceChangeKind.EVENT, source_id=event.source_id, event=event)
    return None


def _puts(tables: Tables, source: Source) -> Iterator[Put]:
    """Yield what has to be written for the source to be stored: nothing for what is stored already."""
    document = to_document(source)
    standing = {"version": 1, _STANDING: document.pop(_STANDING)}
    for table, new in ((SOURCES, document), (STANDINGS, standing)):
        old = tables.get(table, source.source_id)
        if old is None or _bare(old) != new:
            yield table, source.source_id, new


def _event_puts(tables: Tables, events: Sequence[SourceEvent]) -> Iterator[Put]:
    """Yield the events under running numbers, and the removal of those beyond the bound."""
    if not events:
        return
    known = sorted(tables.all(EVENTS), key=_number)
    following = _number(known[-1]) + 1 if known else 1
    for number, event in enumerate(events, following):
        yield EVENTS, str(number), to_document(event)
    for document in known[: max(0, len(known) + len(events) - EVENTS_KEPT)]:
        yield EVENTS, document[KEY], None


def _number(document: Mapping[str, Any]) -> int:
    return int(document[KEY])


def _bare(document: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in document.items() if name != KEY}

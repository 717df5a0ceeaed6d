"""All libraries as one, for as long as somebody reads: loaded when first asked, then kept up to date."""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Self

from vidra.engine.library.collecting import rare_collections
from vidra.engine.library.shelves import open_shelf, shelf_ids
from vidra.errors import ItemNotFound, UsageError
from vidra.library.catalogue import Catalogue
from vidra.library.filters import known_kinds
from vidra.library.records import ITEMS, ROWS, SECTIONS, SYNC
from vidra.library.rows import Shown, SourceRows, continue_watching, on_deck, recently_added, works
from vidra.library.status import STATUS_KEY, SyncStatus
from vidra.settings.storage import StorageSettings
from vidra.state.keyed import KeyedStore

REFERENCE = "/"
"""Between source and key in an item's name, as people and programs write it."""
_ANSWERS_KEPT = 16
_PARTS = 4  # source, section, kind, id


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """One source's library, open."""

    source: str
    store: KeyedStore
    catalogue: Catalogue

    @property
    def status(self) -> SyncStatus | None:
        """How the latest sync went; None before the first."""
        found = self.store.get(SYNC, STATUS_KEY)
        return None if found is None else SyncStatus.model_validate(found)

    @property
    def sections(self) -> Sequence[dict[str, Any]]:
        """The sections that are there."""
        return [section for section in self.store.all(SECTIONS) if not section.get("missed")]

    @property
    def rows(self) -> SourceRows:
        """The rows of the home screen."""
        return SourceRows(source=self.source, catalogue=self.catalogue, rows=self.store.all(ROWS))


class Library:
    """The libraries of all sources. Safe between threads; a context manager, or `close` it."""

    def __init__(self, storage: StorageSettings) -> None:
        self._storage = storage
        self._shelves: dict[str, Shelf] = {}
        self._answers: dict[Hashable, tuple[str, Sequence[Shown]]] = {}
        self._guard = threading.RLock()

    def shelves(self, source: str | None = None) -> Sequence[Shelf]:
        """Return the open shelves, of one source or of all; raise `UsageError` for one without library."""
        with self._guard:
            ids = shelf_ids(self._storage)
            if source is not None and source not in ids:
                known = ", ".join(f"`{one}`" for one in ids) or "none yet"
                raise UsageError(f"source `{source}` has no library here; those with one: {known}")
            for gone in set(self._shelves) - set(ids):
                self._shelves.pop(gone).store.close()
            return [self._opened(one) for one in ids if source in {None, one}]

    def revision(self) -> str:
        """Return a text that differs whenever anything in any library does."""
        return ".".join(f"{shelf.source}-{shelf.store.revision()}" for shelf in self.shelves())

    def remembered(self, question: Hashable, answer: Callable[[], Sequence[Shown]]) -> Sequence[Shown]:
        """Return the answer to a question that was asked before, if nothing has changed since.

        Page after page of one list is one question: sorting 10,000 titles for each would take 0.2 s.
        """
        now = self.revision()
        with self._guard:
            known = self._answers.get(question)
            if known is not None and known[0] == now:
                return known[1]
        found = answer()
        with self._guard:
            if len(self._answers) >= _ANSWERS_KEPT:
                self._answers.clear()
            self._answers[question] = (now, found)
        return found

    def find(self, reference: str) -> Shown:
        """Return the one item of that name: `source/section/kind/id`, an external id, or its end.

        Raises `ItemNotFound`, and `UsageError` naming the candidates when there are several.
        """
        found = self._exact(reference) or self.by_guid(reference) or self._ending(reference)
        if not found:
            raise ItemNotFound(reference)
        if len(found) > 1:
            names = ", ".join(f"`{name_of(shown)}`" for shown in found[:6])
            raise UsageError(f"item `{reference}` could be {names}; name one of them")
        return found[0]

    def by_guid(self, guid: str) -> Sequence[Shown]:
        """Return the items of any source with that external id."""
        return [
            Shown(source=shelf.source, record=record)
            for shelf in self.shelves()
            for record in shelf.catalogue.by_guid(guid)
        ]

    def search(
        self, text: str, *, source: str | None = None, kinds: Iterable[str] = (), limit: int = 50
    ) -> Sequence[Shown]:
        """Return what fits the text best, of every source in turn."""
        wanted = known_kinds(kinds)
        found = [
            [Shown(source=shelf.source, record=record) for record in records]
            for shelf in self.shelves(source)
            if (records := shelf.catalogue.search(text, limit=limit, kinds=wanted))
        ]
        return _in_turn(found)[:limit]

    def same_work(self, shown: Shown) -> Sequence[Shown]:
        """Return the item as other sources have it."""
        wanted = set(works(shown.record))
        guids = [name[1] for name in wanted if isinstance(name, tuple) and len(name) == 2]
        found = {(one.source, one.record["key"]): one for guid in guids for one in self.by_guid(str(guid))}
        found.pop((shown.source, shown.record["key"]), None)
        return [one for one in found.values() if one.record["kind"] == shown.record["kind"]]

    def continue_watching(self, *, source: str | None = None, limit: int = 50) -> Sequence[Shown]:
        """Return what was begun, without duplicates between sources."""
        return continue_watching([shelf.rows for shelf in self.shelves(source)], limit=limit)

    def on_deck(self, *, source: str | None = None, limit: int = 50) -> Sequence[Shown]:
        """Return what comes next, without duplicates between sources."""
        return on_deck([shelf.rows for shelf in self.shelves(source)], limit=limit)

    def recent(
        self, *, source: str | None = None, kinds: Iterable[str] = (), limit: int = 50
    ) -> Sequence[Shown]:
        """Return what is new, without duplicates between sources."""
        shelves = [shelf.rows for shelf in self.shelves(source)]
        return recently_added(shelves, kinds=known_kinds(kinds), limit=limit)

    def close(self) -> None:
        """Let go of everything."""
        with self._guard:
            for shelf in self._shelves.values():
                shelf.store.close()
            self._shelves.clear()

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _opened(self, source: str) -> Shelf:
        if source not in self._shelves:
            store, catalogue = open_shelf(self._storage, source), Catalogue()
            with rare_collections():
                store.get(SYNC, STATUS_KEY)  # reads the file, before the catalogue hangs on it
                store.follow(ITEMS, catalogue)
            self._shelves[source] = Shelf(source=source, store=store, catalogue=catalogue)
        shelf = self._shelves[source]
        shelf.store.get(SYNC, STATUS_KEY)  # takes in what others appended, the catalogue with it
        return shelf

    def _exact(self, reference: str) -> list[Shown]:
        parts = reference.split(REFERENCE, 1)
        if reference.count(REFERENCE) < _PARTS - 1 or parts[0] not in shelf_ids(self._storage):
            return []
        record = self.shelves(parts[0])[0].catalogue.get(parts[1])
        return [] if record is None else [Shown(source=parts[0], record=record)]

    def _ending(self, reference: str) -> list[Shown]:
        wanted = REFERENCE + reference
        return [
            Shown(source=shelf.source, record=record)
            for shelf in self.shelves()
            for record in shelf.catalogue.all()
            if record["id"] == reference or record["key"].endswith(wanted) or record["key"] == reference
        ]


def name_of(shown: Shown) -> str:
    """Return the name of an item: `source/section/kind/id`."""
    return f"{shown.source}{REFERENCE}{shown.record['key']}"


def _in_turn(lists: Sequence[Sequence[Shown]]) -> list[Shown]:
    longest = max(map(len, lists), default=0)
    return [one[n] for n in range(longest) for one in lists if n < len(one)]

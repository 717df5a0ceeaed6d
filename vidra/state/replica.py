"""The tables of one state file as this process has them in memory, with indexes that keep look-ups flat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Any, Protocol

from .frame import Document, Tables


class View(Protocol):
    """Something derived from a table that is kept up to date change by change."""

    table: str

    def clear(self) -> None:
        """Start over with an empty table."""
        ...

    def change(self, doc_id: int, old: Document | None, new: Document | None) -> None:
        """Take note that a document changed."""
        ...


class UniqueIndex:
    """Finds a document's id by one field; documents without that field are not in it."""

    def __init__(self, table: str, field: str) -> None:
        self.table, self.field = table, field
        self._ids: dict[Any, int] = {}

    def clear(self) -> None:
        """Start over with an empty table."""
        self._ids.clear()

    def change(self, doc_id: int, old: Document | None, new: Document | None) -> None:
        """Take note that a document changed."""
        if old is not None and self._ids.get(old.get(self.field)) == doc_id:
            del self._ids[old[self.field]]
        if new is not None and self.field in new:
            self._ids[new[self.field]] = doc_id

    def find(self, value: object) -> int | None:
        """Return the id of the document whose field has this value."""
        return self._ids.get(value)


class FieldTally:
    """Counts documents by the value of one field."""

    def __init__(self, table: str, field: str) -> None:
        self.table, self.field = table, field
        self.counts: Counter[Any] = Counter()

    def clear(self) -> None:
        """Start over with an empty table."""
        self.counts.clear()

    def change(self, doc_id: int, old: Document | None, new: Document | None) -> None:  # noqa: ARG002 - a View's signature
        """Take note that a document changed."""
        if old is not None:
            self.counts[old.get(self.field)] -= 1
        if new is not None:
            self.counts[new.get(self.field)] += 1


class Replica:
    """Tables and their views; `seq` is the last transaction that is in them."""

    def __init__(self, views: Iterable[View] = ()) -> None:
        self.tables: Tables = {}
        self.seq = 0
        self._views: dict[str, list[View]] = {}
        self._next_ids: dict[str, int] = {}
        for view in views:
            self.add_view(view)

    def add_view(self, view: View) -> None:
        """Keep the view up to date from now on, starting with what is there."""
        self._views.setdefault(view.table, []).append(view)
        self._fill(view)

    def load(self, tables: Tables, seq: int) -> None:
        """Replace everything."""
        self.tables, self.seq = tables, seq
        self._next_ids.clear()
        for views in self._views.values():
            for view in views:
                self._fill(view)

    def apply(self, operations: Iterable[tuple[str, int, Document | None]], seq: int) -> None:
        """Carry out one transaction; the replica owns the documents from then on."""
        for name, doc_id, document in operations:
            table = self.tables.setdefault(name, {})
            old = table.get(doc_id)
            for view in self._views.get(name, ()):
                view.change(doc_id, old, document)
            if document is None:
                table.pop(doc_id, None)
            else:
                table[doc_id] = document
            if name in self._next_ids and doc_id >= self._next_ids[name]:
                self._next_ids[name] = doc_id + 1
        self.seq = seq

    def next_id(self, table: str) -> int:
        """Return an id that no document of the table has, larger than any seen by this process."""
        if table not in self._next_ids:
            self._next_ids[table] = max(self.tables.get(table, ()), default=0) + 1
        return self._next_ids[table]

    def _fill(self, view: View) -> None:
        view.clear()
        for doc_id, document in self.tables.get(view.table, {}).items():
            view.change(doc_id, None, document)

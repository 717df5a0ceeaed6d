"""TinyDB on a journal: the same database object, at a cost that does not grow with the file.

Everything here hangs on TinyDB's documented extension points: a `Storage`, a `table_class`. Stock
`Table` reads, converts and rewrites the whole database on every call; `JournalTable` overrides each
call that can do with one document, and `_update_table`, so that what is left costs a difference.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, MutableMapping, Sequence
from pathlib import Path
from typing import Any, cast

import orjson
from tinydb import TinyDB
from tinydb.queries import QueryLike
from tinydb.storages import Storage
from tinydb.table import Document, Table

from vidra.errors import StateError

from .frame import Document as Plain
from .frame import Operation
from .journal import Journal
from .replica import Replica, UniqueIndex
from .snapshot import META

Fields = Mapping[str, Any] | Callable[[MutableMapping[str, Any]], None]


def detached(document: Mapping[str, Any]) -> Plain:
    """Return a deep copy; documents are JSON, and orjson copies faster than `copy.deepcopy`."""
    return cast("Plain", orjson.loads(orjson.dumps(document)))


class JournalStorage(Storage):
    """The whole-database view that TinyDB asks of a storage; writes only what differs."""

    def __init__(self, source: Journal | Path | str) -> None:
        self.journal = source if isinstance(source, Journal) else Journal(Path(source))

    def read(self) -> dict[str, dict[str, Any]] | None:
        """Return the tables that have documents, ids as text; None while there are none."""
        with self.journal.reading() as replica:
            tables = {n: {str(i): detached(d) for i, d in t.items()} for n, t in replica.tables.items() if t}
        tables.pop(META, None)
        return tables or None

    def write(self, data: dict[str, dict[str, Any]]) -> None:
        """Make the tables equal to `data` in one transaction."""

        def difference(replica: Replica) -> Sequence[Operation]:
            names = [n for n in {*replica.tables, *data} if n != META]
            return [
                op
                for name in names
                for op in _difference(
                    name,
                    replica.tables.get(name, {}),
                    {int(i): d for i, d in data.get(name, {}).items()},
                )
            ]

        self.journal.change(difference)

    def close(self) -> None:
        """Bring the plain file up to date and let go of it."""
        self.journal.close()


class JournalTable(Table):
    """A table whose calls cost what the documents they touch cost.

    `unique` names a field to find documents by without a scan (`look_up`); documents have distinct values.
    """

    def __init__(
        self,
        storage: Storage,
        name: str,
        cache_size: int = 0,
        *,
        unique: str | None = None,
    ) -> None:
        if not isinstance(storage, JournalStorage):
            raise TypeError(f"a JournalTable needs a JournalStorage, not {type(storage).__name__}")
        super().__init__(storage, name, cache_size=cache_size, persist_empty=False)
        self._journal = storage.journal
        self._index = None if unique is None else UniqueIndex(name, unique)
        if self._index is not None:
            self._journal.add_view(self._index)

    def look_up(self, value: object) -> Document | None:
        """Return the document whose `unique` field has this value."""
        if self._index is None:
            raise TypeError(f"table `{self.name}` was opened without `unique`")
        with self._journal.reading() as replica:
            doc_id = self._index.find(value)
            return None if doc_id is None else Document(detached(replica.tables[self.name][doc_id]), doc_id)

    def id_of(self, value: object) -> int | None:
        """Return the id of that document, as of the last reading; for use inside a transaction."""
        return None if self._index is None else self._index.find(value)

    def insert(self, document: Mapping[str, Any]) -> int:
        """Insert one document, durably, and return its id."""
        return self.insert_multiple([document])[0]

    def insert_multiple(self, documents: Iterable[Mapping[str, Any]]) -> list[int]:
        """Insert documents in one durable transaction and return their ids."""
        ids: list[int] = []

        def insertion(replica: Replica) -> Sequence[Operation]:
            table, following = replica.tables.get(self.name, {}), replica.next_id(self.name)
            operations: dict[int, Operation] = {}
            for document in documents:
                if not isinstance(document, Mapping):
                    raise ValueError("Document is not a Mapping")  # noqa: TRY004 - what TinyDB raises
                doc_id = document.doc_id if isinstance(document, Document) else following
                if doc_id in table or doc_id in operations:
                    raise ValueError(f"Document with ID {doc_id} already exists")
                operations[doc_id] = (self.name, doc_id, dict(document))
                following = max(following, doc_id + 1)
            ids.extend(operations)
            return list(operations.values())

        self._journal.change(insertion)
        return ids

    def get(  # type: ignore[override]  # TinyDB's overloads differ in nothing but the order of None
        self,
        cond: QueryLike | None = None,
        doc_id: int | None = None,
        doc_ids: list[int] | None = None,
    ) -> Document | list[Document] | None:
        """Return the document (or those with the given ids), None if there is none."""
        if doc_id is None and doc_ids is None and cond is None:
            raise RuntimeError("You have to pass either cond or doc_id or doc_ids")
        with self._journal.reading() as replica:
            table = replica.tables.get(self.name, {})
            if doc_id is not None:
                return Document(detached(table[doc_id]), doc_id) if doc_id in table else None
            if doc_ids is not None:
                return [Document(detached(table[i]), i) for i in doc_ids if i in table]
            test = cast("QueryLike", cond)
            return next((Document(detached(d), i) for i, d in table.items() if test(d)), None)

    def search(self, cond: QueryLike) -> list[Document]:
        """Return the documents that match; a scan, never cached, as others change the file too."""
        with self._journal.reading() as replica:
            table = replica.tables.get(self.name, {})
            return [Document(detached(d), i) for i, d in table.items() if cond(d)]

    def update(
        self, fields: Fields, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None
    ) -> list[int]:
        """Change the matching documents in one durable transaction and return their ids."""
        ids: list[int] = []

        def edition(replica: Replica) -> Sequence[Operation]:
            table = replica.tables.get(self.name, {})
            ids.extend(_chosen(table, cond, doc_ids))
            return [(self.name, doc_id, _edited(table[doc_id], fields)) for doc_id in ids]

        self._journal.change(edition)
        return ids

    def remove(self, cond: QueryLike | None = None, doc_ids: Iterable[int] | None = None) -> list[int]:
        """Remove the matching documents in one durable transaction and return their ids."""
        if cond is None and doc_ids is None:
            raise RuntimeError("Use truncate() to remove all documents")
        ids: list[int] = []

        def removal(replica: Replica) -> Sequence[Operation]:
            ids.extend(_chosen(replica.tables.get(self.name, {}), cond, doc_ids))
            return [(self.name, doc_id, None) for doc_id in ids]

        self._journal.change(removal)
        return ids

    def truncate(self) -> None:
        """Remove every document in one durable transaction."""
        self._journal.change(lambda r: [(self.name, i, None) for i in r.tables.get(self.name, {})])

    def __len__(self) -> int:
        with self._journal.reading() as replica:
            return len(replica.tables.get(self.name, {}))

    def __iter__(self) -> Iterator[Document]:
        with self._journal.reading() as replica:
            found = [Document(detached(d), i) for i, d in replica.tables.get(self.name, {}).items()]
        return iter(found)

    def _update_table(self, updater: Callable[[dict[int, Mapping[str, Any]]], None]) -> None:
        """Serve the calls not overridden: run TinyDB's updater on a copy and write the difference."""

        def difference(replica: Replica) -> Sequence[Operation]:
            old = replica.tables.get(self.name, {})
            new: dict[int, Mapping[str, Any]] = {i: detached(d) for i, d in old.items()}
            updater(new)
            return _difference(self.name, old, new)

        self._journal.change(difference)


class JournalDB(TinyDB):
    """`TinyDB(path)` on a journal: `JournalDB(path)`, or over a `Journal` that is open already."""

    table_class = JournalTable  # type: ignore[assignment]  # the same
    default_storage_class = JournalStorage  # type: ignore[assignment]  # TinyDB's own attribute is annotated too narrowly

    def table(self, name: str, **kwargs: Any) -> JournalTable:
        """Return the table, which need not exist yet; takes `JournalTable`'s keyword arguments."""
        return cast("JournalTable", super().table(name, **kwargs))

    @property
    def journal(self) -> Journal:
        """The journal underneath, for transactions over several documents."""
        if not isinstance(self.storage, JournalStorage):
            raise StateError(Path(), "a JournalDB was given a storage of another kind")
        return self.storage.journal


def _chosen(table: Mapping[int, Plain], cond: QueryLike | None, doc_ids: Iterable[int] | None) -> list[int]:
    if doc_ids is not None:
        return [doc_id for doc_id in doc_ids if doc_id in table]
    return [doc_id for doc_id, document in table.items() if cond is None or cond(document)]


def _edited(document: Plain, fields: Fields) -> Plain:
    copy = detached(document)
    if callable(fields):
        fields(copy)
    else:
        copy.update(fields)
    return copy


def _difference(
    name: str, old: Mapping[int, Mapping[str, Any]], new: Mapping[int, Mapping[str, Any]]
) -> list[Operation]:
    gone: list[Operation] = [(name, doc_id, None) for doc_id in old if doc_id not in new]
    return gone + [(name, i, dict(d)) for i, d in new.items() if i not in old or old[i] != d]

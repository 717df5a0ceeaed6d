"""Documents by text key in named tables: what the library, the watch queue and their like are kept in.

The contract, its implementation on a journal, and one in memory. A document is a JSON object with its
key under `key`; it is replaced as a whole and never changed in place, so that what was read stays sound.
"""

from __future__ import annotations

import threading
import uuid
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol, Self

from vidra.clock import SYSTEM_CLOCK, Clock

from .database import detached
from .frame import Operation
from .journal import COMPACT_FLOOR, Journal
from .replica import Replica, UniqueIndex
from .snapshot import META, META_ID

KEY = "key"
Document = dict[str, Any]
Put = tuple[str, str, Mapping[str, Any] | None]
"""Table, key, and the whole new document or None for a removal."""


class Listener(Protocol):
    """Something derived from one table that is kept up to date change by change."""

    def clear(self) -> None:
        """Start over with an empty table."""
        ...

    def change(self, old: Document | None, new: Document | None) -> None:
        """Take note that a document changed; both are the store's own and must not be changed."""
        ...


class Tables(Protocol):
    """What a transaction may look at."""

    def get(self, table: str, key: str) -> Document | None:
        """Return the document, which must not be changed."""
        ...

    def all(self, table: str) -> Sequence[Document]:
        """Return the table's documents in the order of their first storing; they must not be changed."""
        ...


class KeyedStore(ABC):
    """Tables of documents by key. Safe between threads; the journalled one between processes too."""

    @abstractmethod
    def get(self, table: str, key: str) -> Document | None:
        """Return the document, or None; it must not be changed."""

    @abstractmethod
    def all(self, table: str) -> Sequence[Document]:
        """Return the table's documents in the order of their first storing; they must not be changed."""

    @abstractmethod
    def transact(self, decide: Callable[[Tables], Iterable[Put]], *, durable: bool = True) -> None:
        """Carry out what `decide` returns for the current state, as one: all of it or nothing.

        Nobody else changes the store in between. Removing what is not there is no change.
        """

    @abstractmethod
    def revision(self) -> str:
        """Return a text that differs whenever the content does."""

    @abstractmethod
    def follow(self, table: str, listener: Listener) -> None:
        """Keep the listener up to date from now on, beginning with what is there."""

    @abstractmethod
    def close(self) -> None:
        """Let go of files and memory; harmless to repeat."""

    def put(self, puts: Iterable[Put], *, durable: bool = True) -> None:
        """Carry out changes that do not depend on what is there."""
        changes = list(puts)
        self.transact(lambda _: changes, durable=durable)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()


class JournalKeyedStore(KeyedStore):
    """On one state file. A change costs what the changed documents cost, and so does reading it back."""

    def __init__(self, journal: Journal) -> None:
        self._journal = journal
        self._indexes: dict[str, UniqueIndex] = {}
        self._guard = threading.RLock()

    def get(self, table: str, key: str) -> Document | None:
        """Look the key up."""
        with self._journal.reading() as replica:
            return self._get(replica, table, key)

    def all(self, table: str) -> Sequence[Document]:
        """Return what is in memory, uncopied: 50,000 copies cost a second."""
        with self._journal.reading() as replica:
            return list(replica.tables.get(table, {}).values())

    def transact(self, decide: Callable[[Tables], Iterable[Put]], *, durable: bool = True) -> None:
        """Append one line to the journal."""

        def operations(replica: Replica) -> Sequence[Operation]:
            seen = _Seen(self, replica)
            return [op for put in decide(seen) if (op := seen.operation(put)) is not None]

        self._journal.change(operations, durable=durable)

    def revision(self) -> str:
        """Return origin and number of the last transaction."""
        with self._journal.reading() as replica:
            origin = replica.tables.get(META, {}).get(META_ID, {}).get("origin", "")
            return f"{origin}-{replica.seq}"

    def follow(self, table: str, listener: Listener) -> None:
        """Hang the listener on the journal."""
        self._journal.add_view(_Following(table, listener))

    def close(self) -> None:
        """Let go. The plain file is left behind the journal: rewriting it costs what everything costs."""
        self._journal.forget()

    def index(self, table: str) -> UniqueIndex:
        """Return the table's index by key, made when first needed."""
        with self._guard:
            if table not in self._indexes:
                self._indexes[table] = UniqueIndex(table, KEY)
                self._journal.add_view(self._indexes[table])
            return self._indexes[table]

    def _get(self, replica: Replica, table: str, key: str) -> Document | None:
        doc_id = self.index(table).find(key)
        return None if doc_id is None else replica.tables[table][doc_id]


class _Seen:
    """A transaction's view, with the puts it has made so far left out."""

    def __init__(self, store: JournalKeyedStore, replica: Replica) -> None:
        self._store, self._replica = store, replica
        self._new: dict[tuple[str, str], int] = {}
        self._next: dict[str, int] = {}

    def get(self, table: str, key: str) -> Document | None:
        doc_id = self._store.index(table).find(key)
        return None if doc_id is None else self._replica.tables[table][doc_id]

    def all(self, table: str) -> Sequence[Document]:
        return list(self._replica.tables.get(table, {}).values())

    def operation(self, put: Put) -> Operation | None:
        table, key, document = put
        doc_id = self._store.index(table).find(key)
        if doc_id is None:
            doc_id = self._new.get((table, key))
        if document is None:
            return None if doc_id is None else (table, doc_id, None)
        if doc_id is None:
            doc_id = self._next.get(table) or self._replica.next_id(table)
            self._next[table] = doc_id + 1
            self._new[table, key] = doc_id
        return (table, doc_id, {**document, KEY: key})


class _Following:
    """A journal's view that passes documents on."""

    def __init__(self, table: str, listener: Listener) -> None:
        self.table, self._listener = table, listener

    def clear(self) -> None:
        self._listener.clear()

    def change(self, doc_id: int, old: Document | None, new: Document | None) -> None:
        del doc_id
        self._listener.change(old, new)


class MemoryKeyedStore(KeyedStore):
    """Plain dictionaries under the same contract."""

    def __init__(self) -> None:
        self._tables: dict[str, dict[str, Document]] = {}
        self._listeners: dict[str, list[Listener]] = {}
        self._guard = threading.RLock()
        self._origin, self._seq = uuid.uuid4().hex[:12], 0

    def get(self, table: str, key: str) -> Document | None:
        """Look the key up."""
        with self._guard:
            return self._tables.get(table, {}).get(key)

    def all(self, table: str) -> Sequence[Document]:
        """Return the documents."""
        with self._guard:
            return list(self._tables.get(table, {}).values())

    def transact(self, decide: Callable[[Tables], Iterable[Put]], *, durable: bool = True) -> None:
        """Change the dictionaries once everything is decided."""
        del durable
        with self._guard:
            puts = [(t, k, None if d is None else detached({**d, KEY: k})) for t, k, d in decide(self)]
            self._seq += bool(puts)
            for table, key, document in puts:
                self._put(table, key, document)

    def revision(self) -> str:
        """Return the number of the last transaction."""
        return f"{self._origin}-{self._seq}"

    def follow(self, table: str, listener: Listener) -> None:
        """Remember the listener."""
        with self._guard:
            self._listeners.setdefault(table, []).append(listener)
            listener.clear()
            for document in self._tables.get(table, {}).values():
                listener.change(None, document)

    def close(self) -> None:
        """Do nothing: there is nothing to let go of."""

    def _put(self, table: str, key: str, document: Document | None) -> None:
        documents = self._tables.setdefault(table, {})
        old = documents.get(key)
        if document is None:
            documents.pop(key, None)
        else:
            documents[key] = document
        if old is not None or document is not None:
            for listener in self._listeners.get(table, ()):
                listener.change(old, document)


def open_keyed(
    path: Path,
    *,
    clock: Clock = SYSTEM_CLOCK,
    lock_timeout: float = 10.0,
    repair: bool = False,
    compact_floor: int = COMPACT_FLOOR,
) -> KeyedStore:
    """Return the store in the state file `path` (`<name>.json`), which need not exist.

    With `repair`, damage is logged and the last good state used; for what can be had again anyway.
    """
    journal = Journal(
        path, clock=clock, lock_timeout=lock_timeout, compact_floor=compact_floor, repair=repair
    )
    return JournalKeyedStore(journal)

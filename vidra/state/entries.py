"""The entries of one job, in `playlist_entries/<job>.json`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from .database import JournalDB
from .frame import Document, Operation
from .interface import Entry, EntryStatus, EntryStore
from .records import ENTRIES, PROGRESS, from_document, replaced, to_document
from .replica import FieldTally, Replica


class JournalEntryStore(EntryStore):
    """See `EntryStore`. Document ids are indices; progress has its own table, so that ticks stay small."""

    def __init__(self, database: JournalDB) -> None:
        self._journal = database.journal
        self._path = self._journal.files.snapshot
        self._tally = FieldTally(ENTRIES, "status")
        self._journal.add_view(self._tally)

    def put(self, entries: Iterable[Entry]) -> None:
        """Store or replace entries, all in one durable transaction."""
        records = list(entries)
        for entry in records:
            _check(entry.index)
        self._journal.change(lambda replica: [op for e in records for op in _operations(replica, e)])

    def get(self, index: int) -> Entry:
        """Return the entry; raise `LookupError`."""
        with self._journal.reading() as replica:
            return self._entry(replica, index)

    def all(self) -> Sequence[Entry]:
        """Return every entry, by index."""
        with self._journal.reading() as replica:
            return [self._entry(replica, index) for index in sorted(replica.tables.get(ENTRIES, {}))]

    def update(self, index: int, /, *, durable: bool = True, **fields: object) -> Entry:
        """Replace fields of one entry; raise `LookupError`."""
        result: list[Entry] = []

        def edition(replica: Replica) -> Sequence[Operation]:
            entry = replaced(self._entry(replica, index), fields)
            if entry.index != index:
                raise ValueError("an entry keeps its index")
            result.append(entry)
            return _operations(replica, entry)

        self._journal.change(edition, durable=durable)
        return result[0]

    def tally(self) -> Mapping[EntryStatus, int]:
        """Return how many entries have each status; statuses without entries are left out."""
        with self._journal.reading():
            return {EntryStatus(status): count for status, count in self._tally.counts.items() if count}

    def _entry(self, replica: Replica, index: int) -> Entry:
        document = replica.tables.get(ENTRIES, {}).get(index)
        if document is None:
            raise LookupError(f"{self._path.stem} has no entry {index}")
        progress = replica.tables.get(PROGRESS, {}).get(index)
        whole = document if progress is None else {**document, "progress": progress}
        return from_document(Entry, whole, self._path)


def _operations(replica: Replica, entry: Entry) -> list[Operation]:
    """Return what has to be written for the entry to be stored: nothing for what is stored already."""
    document = to_document(entry)
    progress: Document | None = document.pop("progress", None)
    operations: list[Operation] = []
    if replica.tables.get(ENTRIES, {}).get(entry.index) != document:
        operations.append((ENTRIES, entry.index, document))
    if replica.tables.get(PROGRESS, {}).get(entry.index) != progress:
        operations.append((PROGRESS, entry.index, progress))
    return operations


def _check(index: int) -> None:
    if index < 1:
        raise ValueError(f"entry index {index}: expected 1 or more")

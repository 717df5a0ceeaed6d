"""What the library got from us, and what a person or retention deleted: the archive with its memory.

`archive.txt` says only that something was downloaded, as yt-dlp does. Here stands what became of it:
where its files are, which subscriptions name it, and, once it was deleted, when and why. A deleted item
keeps its line in `archive.txt`, so that neither we nor plain yt-dlp fetch it again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, Self, TypeVar

from vidra.clock import SYSTEM_CLOCK, Clock, iso

from .archive import FileArchive
from .interface import Archive, Record
from .keyed import KeyedStore, MemoryKeyedStore, Put, Tables, open_keyed
from .memory_stores import MemoryArchive

HOLDINGS_FILE: Final = "holdings.json"
_HELD, _BURIED = "holdings", "tombstones"
R = TypeVar("R", bound=Record)


class Holding(Record):
    """One item in the library. Times are `vidra.clock.iso`, days `YYYY-MM-DD`."""

    key: str
    """As in the archive."""
    url: str | None = None
    """Its page; the same page in another list is the same item."""
    title: str | None = None
    main_file: str
    """Absolute path."""
    files: tuple[str, ...] = ()
    """Everything that belongs to it, the main file included; absolute."""
    size: int | None = None
    """Bytes of the main file."""
    upload_date: str | None = None
    downloaded_at: str
    job_id: str | None = None
    lists: tuple[str, ...] = ()
    """Subscriptions that name it; it stays as long as one of them wants it."""


class Tombstone(Record):
    """An item that was deleted on purpose, and must not come back."""

    key: str
    reason: str
    at: str
    url: str | None = None
    title: str | None = None
    lists: tuple[str, ...] = ()
    files: tuple[str, ...] = ()
    """Files that retention has yet to remove; absolute."""


class Holdings:
    """Holdings and tombstones by archive key. Safe between threads and between processes; durable."""

    def __init__(self, store: KeyedStore, archive: Archive, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._store, self._archive, self._clock = store, archive, clock

    def get(self, key: str) -> Holding | None:
        """Return what is held under the key."""
        return _record(Holding, self._store.get(_HELD, key))

    def all(self, *, named_by: str | None = None) -> Sequence[Holding]:
        """Return what is held, oldest download first; of one subscription, if named."""
        found = (Holding.model_validate(document) for document in self._store.all(_HELD))
        return [one for one in found if named_by is None or named_by in one.lists]

    def addresses(self) -> Mapping[str, str]:
        """Return the key of each page address that one item, held or buried, came from.

        An address that several came from tells nothing and is left out.
        """
        documents = [*self._store.all(_BURIED), *self._store.all(_HELD)]
        found: dict[str, str] = {}
        several: set[str] = set()
        for document in documents:
            url = document.get("url")
            if url and found.setdefault(url, document["key"]) != document["key"]:
                several.add(url)
        return {url: key for url, key in found.items() if url not in several}

    def keep(self, holding: Holding) -> None:
        """Record an item that arrived (again); who named it before still does, and its tombstone goes."""

        def decide(tables: Tables) -> Iterator[Put]:
            before = _record(Holding, tables.get(_HELD, holding.key))
            lists = tuple(dict.fromkeys((*(before.lists if before else ()), *holding.lists)))
            yield _HELD, holding.key, _document(holding.model_copy(update={"lists": lists}))
            if tables.get(_BURIED, holding.key) is not None:
                yield _BURIED, holding.key, None

        self._store.transact(lambda tables: list(decide(tables)))

    def claim(self, name: str, keys: Iterable[str]) -> int:
        """Note that the subscription names these items; return how many of them are held and are news."""
        changed: list[Put] = []

        def decide(tables: Tables) -> Sequence[Put]:
            changed.clear()
            for key in keys:
                held = _record(Holding, tables.get(_HELD, key))
                if held is not None and name not in held.lists:
                    lists = (*held.lists, name)
                    changed.append((_HELD, key, _document(held.model_copy(update={"lists": lists}))))
            return changed

        wanted = set(keys)
        if any(
            document["key"] in wanted and name not in document["lists"] for document in self._store.all(_HELD)
        ):
            keys = wanted
            self._store.transact(decide)
        return len(changed)

    def disown(self, name: str, keys: Collection[str] | None = None) -> Sequence[Holding]:
        """Take the subscription off these items (None: all its own); return those nobody names any more."""
        orphans: list[Holding] = []

        def decide(tables: Tables) -> Iterator[Put]:
            orphans.clear()
            for document in tables.all(_HELD):
                if name in document["lists"] and (keys is None or document["key"] in keys):
                    held = Holding.model_validate(document)
                    left = held.model_copy(update={"lists": tuple(o for o in held.lists if o != name)})
                    if not left.lists:
                        orphans.append(left)
                    yield _HELD, held.key, _document(left)

        self._store.transact(lambda tables: list(decide(tables)))
        return orphans

    def bury(self, keys: Iterable[str], *, reason: str) -> int:
        """Record that items were deleted on purpose; return how many tombstones are new.

        The archive gets (or keeps) their keys, so that nobody fetches them again.
        """
        wanted = list(dict.fromkeys(keys))
        self._archive.add_all(wanted)
        fresh: list[Put] = []

        def decide(tables: Tables) -> Sequence[Put]:
            fresh.clear()
            gone: list[Put] = [(_HELD, key, None) for key in wanted if tables.get(_HELD, key) is not None]
            for key in wanted:
                if tables.get(_BURIED, key) is None:
                    held = _record(Holding, tables.get(_HELD, key))
                    fresh.append((_BURIED, key, _document(self._tombstone(key, held, reason))))
            return [*fresh, *gone]

        self._store.transact(decide)
        return len(fresh)

    def let_go(self, holding: Holding, *, files: Sequence[str], reason: str) -> bool:
        """Bury an item together with the files that are to be removed now; return whether that was done.

        It is not if the holding changed since it was read: another subscription names it, or it came anew.
        The archive has the key before anything else happens.
        """
        self._archive.add(holding.key)
        done: list[bool] = []

        def decide(tables: Tables) -> Sequence[Put]:
            done.clear()
            if _record(Holding, tables.get(_HELD, holding.key)) != holding:
                return []
            done.append(True)
            stone = self._tombstone(holding.key, holding, reason)
            buried = stone.model_copy(update={"files": tuple(files)})
            return [(_BURIED, holding.key, _document(buried)), (_HELD, holding.key, None)]

        self._store.transact(decide)
        return bool(done)

    def unfinished(self) -> Sequence[Tombstone]:
        """Return the buried items some of whose files retention has yet to remove."""
        return [stone for stone in self.tombstones().values() if stone.files]

    def removed(self, keys: Iterable[str]) -> None:
        """Note that the files of these buried items are gone, or shall stay."""

        def decide(tables: Tables) -> Iterator[Put]:
            for key in wanted:
                stone = _record(Tombstone, tables.get(_BURIED, key))
                if stone is not None and stone.files:
                    yield _BURIED, key, _document(stone.model_copy(update={"files": ()}))

        wanted = list(dict.fromkeys(keys))
        self._store.transact(lambda tables: list(decide(tables)))

    def tombstones(self) -> Mapping[str, Tombstone]:
        """Return what was deleted on purpose, by key."""
        return {one["key"]: Tombstone.model_validate(one) for one in self._store.all(_BURIED)}

    def buried(self) -> Mapping[str, str]:
        """Return why each item was deleted on purpose, by key; cheap for thousands."""
        return {one["key"]: one["reason"] for one in self._store.all(_BURIED)}

    def forget(self, key: str) -> bool:
        """Forget the item altogether, its line in the archive too, so that it may be downloaded again."""
        known = self._store.get(_HELD, key) or self._store.get(_BURIED, key)
        self._store.put([(_HELD, key, None), (_BURIED, key, None)])
        return self._archive.remove(key) or known is not None

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _tombstone(self, key: str, held: Holding | None, reason: str) -> Tombstone:
        known = held.model_dump(include={"url", "title", "lists"}) if held else {}
        return Tombstone(key=key, reason=reason, at=iso(self._clock.now()), **known)


def open_holdings(data_dir: Path, *, lock_timeout: float = 10.0, clock: Clock = SYSTEM_CLOCK) -> Holdings:
    """Open the holdings of a data folder; the caller closes them."""
    store = open_keyed(data_dir / HOLDINGS_FILE, clock=clock, lock_timeout=lock_timeout)
    return Holdings(store, FileArchive(data_dir / "archive.txt", lock_timeout=lock_timeout), clock=clock)


def memory_holdings(archive: Archive | None = None, *, clock: Clock = SYSTEM_CLOCK) -> Holdings:
    """Return holdings that nobody else sees and no disk keeps."""
    return Holdings(MemoryKeyedStore(), archive or MemoryArchive(), clock=clock)


def _document(record: Record) -> Mapping[str, Any]:
    return record.model_dump(mode="json")


def _record(kind: type[R], document: Mapping[str, Any] | None) -> R | None:
    return None if document is None else kind.model_validate(document)

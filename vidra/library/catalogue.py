"""One source's items as this process has them in memory, found by text, external id, show or key."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from vidra.library.identity import folded
from vidra.library.records import is_live

Record = Mapping[str, Any]

_KIND_ORDER: Final = {"movie": 0, "show": 0, "artist": 1, "album": 2, "video": 2, "collection": 3}
_LATER: Final = 4
"""Rank of seasons, episodes, tracks …: what they belong to comes first."""


class Catalogue:
    """A listener of a source's items. What only some questions need is made when they are first asked."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._texts: dict[str, str] | None = None
        self._guids: dict[str, list[str]] | None = None
        self._shows: dict[str, list[str]] | None = None

    def clear(self) -> None:
        """Start over."""
        self._records = {}
        self._texts = self._guids = self._shows = None

    def change(self, old: Record | None, new: Record | None) -> None:
        """Take note that an item changed; tombstones are not in the catalogue."""
        if old is not None and is_live(old):
            self._forget(old)
        if new is not None and is_live(new):
            self._learn(new)

    def __len__(self) -> int:
        """Return how many items are there."""
        return len(self._records)

    def get(self, key: str) -> Record | None:
        """Return the item of that key."""
        return self._records.get(key)

    def all(self) -> Iterable[Record]:
        """Return every item."""
        return self._records.values()

    def search(self, text: str, *, limit: int = 50, kinds: frozenset[str] = frozenset()) -> Sequence[Record]:
        """Return the items that have every word of the text in title, show or year, best first."""
        words = folded(text).split()
        if not words:
            return []
        first, *others = words
        texts = self._searchable()
        keys = [key for key, known in texts.items() if first in known]
        keys = [key for key in keys if all(word in texts[key] for word in others)]
        found = [self._records[key] for key in keys]
        if kinds:
            found = [record for record in found if record["kind"] in kinds]
        wanted = " ".join(words)
        return sorted(found, key=lambda record: _rank(record, wanted))[:limit]

    def by_guid(self, guid: str) -> Sequence[Record]:
        """Return the items with that external id, `tmdb://603`."""
        if self._guids is None:
            self._guids = defaultdict(list)
            for key, record in self._records.items():
                for one in record.get("guids", ()):
                    self._guids[one].append(key)
        return [self._records[key] for key in self._guids.get(guid, ())]

    def below(self, item_id: str) -> Sequence[Record]:
        """Return what belongs to a show, season, artist or album, by its server id, in order."""
        if self._shows is None:
            self._shows = defaultdict(list)
            for key, record in self._records.items():
                for one in _holders(record):
                    self._shows[one].append(key)
        found = [self._records[key] for key in self._shows.get(item_id, ())]
        return sorted(found, key=episode_order)

    def _searchable(self) -> dict[str, str]:
        if self._texts is None:
            self._texts = {key: _text(record) for key, record in self._records.items()}
        return self._texts

    def _forget(self, record: Record) -> None:
        key = record["key"]
        self._records.pop(key, None)
        if self._texts is not None:
            self._texts.pop(key, None)
        for index, names in ((self._guids, record.get("guids", ())), (self._shows, _holders(record))):
            for name in names if index is not None else ():
                if index is not None and key in index.get(name, ()):
                    index[name].remove(key)

    def _learn(self, record: Record) -> None:
        key = record["key"]
        self._records[key] = record
        if self._texts is not None:
            self._texts[key] = _text(record)
        if self._guids is not None:
            for guid in record.get("guids", ()):
                self._guids[guid].append(key)
        if self._shows is not None:
            for holder in _holders(record):
                self._shows[holder].append(key)


def episode_order(record: Record) -> tuple[Any, ...]:
    """Return what puts seasons, episodes and tracks in order."""
    return (record.get("season", 0), record.get("episode", -1), record.get("sort") or record["title"])


def _holders(record: Record) -> set[str]:
    return {record[name] for name in ("show", "parent") if record.get(name)}


def _text(record: Record) -> str:
    parts = (record["title"], record.get("original"), record.get("show_title"), record.get("year"))
    return folded("\n".join(str(part) for part in parts if part))


def _rank(record: Record, wanted: str) -> tuple[int, int, str]:
    title = folded(record["title"])
    match = 0 if title == wanted else 1 if title.startswith(wanted) else 2 if f" {wanted}" in title else 3
    if match == 3 and wanted not in title:
        match = 4
    return (match, _KIND_ORDER.get(record["kind"], _LATER), title)

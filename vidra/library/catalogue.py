"""One source's items as this process has them in memory, found by text, external id, show or key."""

from __future__ import annotations

from bisect import bisect_right
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from heapq import nsmallest
from itertools import accumulate
from typing import Any, Final

from vidra.library.identity import folded
from vidra.library.records import guids_of, is_live

Record = Mapping[str, Any]

_KIND_ORDER: Final = {"movie": 0, "show": 0, "artist": 1, "album": 2, "video": 2, "collection": 3}
_MARK: Final = "\0"
"""Between two texts; no title has it."""
_LATER: Final = 4
"""Rank of seasons, episodes, tracks …: what they belong to comes first."""


class Catalogue:
    """A listener of a source's items. What only some questions need is made when they are first asked."""

    def __init__(self) -> None:
        self._records: dict[str, Record] = {}
        self._haystack: Haystack | None = None
        self._guids: dict[str, list[str]] | None = None
        self._shows: dict[str, list[str]] | None = None

    def clear(self) -> None:
        """Start over."""
        self._records = {}
        self._haystack = self._guids = self._shows = None

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
        wanted = " ".join(words)
        if self._haystack is None:
            self._haystack = Haystack(self._records)
        # Titles that begin so are the best; for a letter or two there are more than enough of them.
        found = self._of_kinds(self._haystack.beginning(wanted), kinds)
        if len(found) < limit:
            found = self._of_kinds(self._haystack.having(words), kinds)
        ranked = [(_rank(text, self._records[key]["kind"], wanted), key) for key, text in found]
        return [self._records[key] for _, key in nsmallest(limit, ranked)]

    def by_guid(self, guid: str) -> Sequence[Record]:
        """Return the items with that external id, `tmdb://603`."""
        if self._guids is None:
            self._guids = defaultdict(list)
            for key, record in self._records.items():
                for one in guids_of(record):
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

    def _of_kinds(self, found: Iterable[tuple[str, str]], kinds: frozenset[str]) -> list[tuple[str, str]]:
        return [(key, text) for key, text in found if not kinds or self._records[key]["kind"] in kinds]

    def _forget(self, record: Record) -> None:
        key = record["key"]
        self._records.pop(key, None)
        self._haystack = None
        for index, names in ((self._guids, guids_of(record)), (self._shows, _holders(record))):
            for name in names if index is not None else ():
                if index is not None and key in index.get(name, ()):
                    index[name].remove(key)

    def _learn(self, record: Record) -> None:
        key = record["key"]
        self._records[key] = record
        self._haystack = None
        if self._guids is not None:
            for guid in guids_of(record):
                self._guids[guid].append(key)
        if self._shows is not None:
            for holder in _holders(record):
                self._shows[holder].append(key)


class Haystack:
    """The texts of many items as one: a search in it takes a tenth of a search in each of them."""

    def __init__(self, records: Mapping[str, Record]) -> None:
        self._keys = list(records)
        self._texts = [_text(record) for record in records.values()]
        self._whole = _MARK + _MARK.join(self._texts)
        lengths = (len(text) + 1 for text in self._texts)
        self._starts = list(accumulate(lengths, initial=1))[:-1]

    def beginning(self, text: str) -> Iterator[tuple[str, str]]:
        """Yield key and text of the items that begin so."""
        return self._at(_MARK + text)

    def having(self, words: Sequence[str]) -> Iterator[tuple[str, str]]:
        """Yield key and text of the items that have all the words, anywhere."""
        rarest = max(words, key=len)
        return ((key, text) for key, text in self._at(rarest) if all(word in text for word in words))

    def _at(self, needle: str) -> Iterator[tuple[str, str]]:
        position = self._whole.find(needle)
        while position >= 0:
            number = bisect_right(self._starts, position + (needle[0] == _MARK)) - 1
            yield self._keys[number], self._texts[number]
            position = self._whole.find(needle, self._starts[number] + len(self._texts[number]))


def episode_order(record: Record) -> tuple[Any, ...]:
    """Return what puts seasons, episodes and tracks in order."""
    return (record.get("season", 0), record.get("episode", -1), record.get("sort") or record["title"])


def _holders(record: Record) -> set[str]:
    return {record[name] for name in ("show", "parent") if record.get(name)}


def _text(record: Record) -> str:
    """Return what is searched in: the title in a line of its own, then what else an item is known by."""
    parts = (record["title"], record.get("original"), record.get("show_title"), record.get("year"))
    return folded("\n".join(str(part) for part in parts if part)).replace(_MARK, "") + "\n"


def _rank(text: str, kind: str, wanted: str) -> tuple[int, int, str]:
    """Return the place of a match: by where the words are in the title, then by kind, then by title."""
    title = text[: text.index("\n")]
    if wanted not in title:
        match = 4
    elif title.startswith(wanted):
        match = int(title != wanted)
    else:
        match = 2 if f" {wanted}" in title else 3
    return (match, _KIND_ORDER.get(kind, _LATER), title)

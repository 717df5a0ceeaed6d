"""Episode numbers that mean a date, and that never change once they were given."""

from __future__ import annotations

import os
import re
import threading
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Final, Protocol

from vidra.media.extensions import MEDIA_EXTENSIONS

MOST_IN_TWO_DIGITS: Final = 99
_NUMBERS = re.compile(r"(?i)\bs(\d{1,4})e(\d{1,8})\b")


@dataclass(frozen=True, kw_only=True, slots=True)
class Slot:
    """The place of an item in its show: a day, and its order on that day from 1."""

    day: date
    order: int

    @property
    def season(self) -> int:
        """The year."""
        return self.day.year

    @property
    def episode(self) -> int:
        """`MMDDNN`: month, day, order. Beyond 99 on a day, `1MMDDNNN`, which no other day can have."""
        day = self.day.month * 100 + self.day.day
        if self.order <= MOST_IN_TWO_DIGITS:
            return day * 100 + self.order
        return 10_000_000 + day * 1000 + self.order


class EpisodeBook(Protocol):
    """Remembers which slot an item of a show was given. Safe between threads, and as lasting as it says."""

    def slot(
        self, show: str, key: str, *, day: date, wanted: int | None, taken: frozenset[int], own: int | None
    ) -> Slot:
        """Return the item's slot: the one it has, else a free one of `day`, from now on its own.

        `wanted` is the order the item would have if nobody had come before; `taken` are orders that
        other files have on the shelf, `own` the one a file of this very item has.
        """
        ...


@dataclass(kw_only=True)
class MemoryBook:
    """A book that lasts as long as the process; what is on the shelf then speaks for itself."""

    _slots: dict[tuple[str, str], Slot] = field(default_factory=dict)
    _guard: threading.Lock = field(default_factory=threading.Lock)

    def slot(
        self, show: str, key: str, *, day: date, wanted: int | None, taken: frozenset[int], own: int | None
    ) -> Slot:
        """Look it up or give the next one."""
        with self._guard:
            known = self._slots.get((show, key))
            if known is None:
                given = {s.order for (name, _), s in self._slots.items() if name == show and s.day == day}
                known = Slot(day=day, order=own or free_order(wanted, given | taken))
                self._slots[show, key] = known
            return known


def free_order(wanted: int | None, taken: Iterable[int]) -> int:
    """Return the order to give: the wanted one if it is free, else the one after the last."""
    used = set(taken)
    if wanted is not None and wanted not in used:
        return wanted
    return max(used, default=0) + 1


def orders_of_the_day(dated: Iterable[tuple[str, str | None]]) -> Mapping[str, int]:
    """Return the order on its day of each key, given keys and days (`YYYY-MM-DD`) as a list has them.

    Lists that begin with their newest item are counted from their end.
    """
    known = [(key, day) for key, day in dated if day]
    if (known and known[0][1] > known[-1][1]) or _is_all_one_day(known):
        known.reverse()
    count: dict[str, int] = defaultdict(int)
    orders = {}
    for key, day in known:
        count[day] += 1
        orders[key] = count[day]
    return orders


def on_shelf(folder: Path, day: date, owns: Callable[[Path], bool]) -> tuple[frozenset[int], int | None]:
    """Return the orders that files of this day in a folder have, and the one of the item's own file."""
    taken, own = set(), None
    for name, season, episode in _numbered_in(folder):
        order = _order(season, episode, day)
        if order is not None and owns(folder / name):
            own = order
        elif order is not None:
            taken.add(order)
    return frozenset(taken), own


def _is_all_one_day(known: list[tuple[str, str]]) -> bool:
    """Whether order alone must tell; feeds and channels, where this happens, begin with the newest."""
    return len({day for _, day in known}) == 1


def _numbered_in(folder: Path) -> Iterator[tuple[str, int, int]]:
    """Yield the media files in a folder that have a season and an episode in their names, with both."""
    try:
        names = os.listdir(folder)  # noqa: PTH208 - names, as a season may have thousands and few are of the day
    except (FileNotFoundError, NotADirectoryError):
        return
    for name in names:
        stem, _, extension = name.rpartition(".")
        if extension.lower() in MEDIA_EXTENSIONS and (found := _NUMBERS.search(stem)):
            yield name, int(found[1]), int(found[2])


def _order(season: int, episode: int, day: date) -> int | None:
    if season != day.year:
        return None
    whole = day.month * 100 + day.day
    if episode >= 10_000_000:
        return episode % 1000 if episode // 1000 == 10_000 + whole else None
    return episode % 100 if episode // 100 == whole else None

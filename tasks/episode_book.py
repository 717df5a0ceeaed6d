"""Remembers for good which episode number an item of a show was given."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Final

from vidra.media.episodes import EpisodeBook, Slot, free_order
from vidra.state.keyed import KeyedStore, Put, Tables, open_keyed

EPISODES_FILE: Final = "episodes.json"
_SLOTS, _DAYS = "slots", "days"


class StoredBook(EpisodeBook):
    """The book of one data folder. Safe between threads and between processes; durable.

    `slots` has day and order by show and item; `days` the orders of a show's day that were given.
    """

    def __init__(self, store: KeyedStore) -> None:
        self._store = store

    @classmethod
    def of(cls, data_dir: Path, *, lock_timeout: float = 10.0) -> StoredBook:
        """Open the book of this data folder."""
        return cls(open_keyed(data_dir / EPISODES_FILE, lock_timeout=lock_timeout))

    def slot(
        self, show: str, key: str, *, day: date, wanted: int | None, taken: frozenset[int], own: int | None
    ) -> Slot:
        """Look it up, or give the next one in one transaction."""
        found: list[Slot] = []

        def decide(tables: Tables) -> Sequence[Put]:
            found.clear()
            known = tables.get(_SLOTS, f"{show}\n{key}")
            if known is not None:
                found.append(Slot(day=date.fromisoformat(known["day"]), order=known["order"]))
                return []
            page = f"{show}\n{day.isoformat()}"
            given = frozenset((tables.get(_DAYS, page) or {}).get("orders", ()))
            slot = Slot(day=day, order=own or free_order(wanted, given | taken))
            found.append(slot)
            return [
                (_SLOTS, f"{show}\n{key}", {"version": 1, "day": day.isoformat(), "order": slot.order}),
                (_DAYS, page, {"version": 1, "orders": sorted(given | {slot.order})}),
            ]

        self._store.transact(decide)
        return found[0]

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

"""What TMDB answered, for all sources, kept as long as it counts; also that it has no such page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.settings.storage import StorageSettings
from vidra.state.keyed import KeyedStore, open_keyed

FILE: Final = "tmdb"
_ANSWERS: Final = "answers"
DETAILS_S: Final = 86_400
"""Seconds for which details count."""
MISSING_S: Final = 604_800
"""Seconds for which it counts that there is no such page."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """An answer; `found` is None if TMDB has no such page."""

    found: Mapping[str, Any] | None


class TmdbCache:
    """Answers by question, such as `movie/603/en-US`."""

    def __init__(self, store: KeyedStore, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._store, self._clock = store, clock

    def get(self, question: str) -> Answer | None:
        """Return the answer if there is one that still counts."""
        known = self._store.get(_ANSWERS, question)
        if known is None or self._is_over(known):
            return None
        return Answer(found=known.get("found"))

    def put(self, question: str, found: Mapping[str, Any] | None) -> None:
        """Keep an answer; a crash may lose it, TMDB has it still."""
        document: dict[str, Any] = {"version": 1, "asked": self._now()}
        if found is not None:
            document["found"] = {name: value for name, value in found.items() if value}
        self._store.put([(_ANSWERS, question, document)], durable=False)

    def clean(self) -> None:
        """Forget what does not count any more."""
        over = [one["key"] for one in self._store.all(_ANSWERS) if self._is_over(one)]
        if over:
            self._store.put([(_ANSWERS, key, None) for key in over], durable=False)

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def _is_over(self, known: Mapping[str, Any]) -> bool:
        lifetime = DETAILS_S if "found" in known else MISSING_S
        return not 0 <= self._now() - int(known["asked"]) < lifetime

    def _now(self) -> int:
        return int(self._clock.now().timestamp())


def open_tmdb_cache(storage: StorageSettings, *, clock: Clock = SYSTEM_CLOCK) -> TmdbCache:
    """Return the cache in `tmdb.json`; a damaged one is repaired without a word."""
    path = storage.data_dir / f"{FILE}.json"
    store = open_keyed(path, clock=clock, lock_timeout=storage.lock_timeout, repair=True)
    return TmdbCache(store, clock=clock)

"""The rows of the home screen over all sources: what was begun, what comes next, what is new."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from heapq import nlargest
from typing import Any, Final

from vidra.library.catalogue import Catalogue, Record, episode_order
from vidra.library.identity import identities
from vidra.library.records import guids_of

PROVIDERS: Final = ("tmdb://", "imdb://", "tvdb://")
"""External ids that name the same work on every server."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Shown:
    """An item and the source it is from."""

    source: str
    record: Record


@dataclass(frozen=True, kw_only=True, slots=True)
class SourceRows:
    """One source's items and the rows its server made of them."""

    source: str
    catalogue: Catalogue
    rows: Sequence[Mapping[str, Any]]

    def of(self, kind: str) -> list[Record]:
        """Return the items of the server's rows of one kind, in their order."""
        keys = [key for row in self.rows if row["kind"] == kind for key in row["items"]]
        return [record for key in dict.fromkeys(keys) if (record := self.catalogue.get(key))]


def continue_watching(sources: Iterable[SourceRows], *, limit: int = 50) -> Sequence[Shown]:
    """Return what was begun and not finished, last watched first, no work twice.

    From our own watch states, which know what was watched while the server was away; the server's row
    is needed for what counts as begun there only.
    """
    found = [
        Shown(source=one.source, record=record)
        for one in sources
        for record in _begun(one)
        if record["kind"] in {"movie", "episode", "video"}
    ]
    return _newest_of_each(found, _viewed)[:limit]


def on_deck(sources: Iterable[SourceRows], *, limit: int = 50) -> Sequence[Shown]:
    """Return what is next to watch: begun or next episodes, last watched show first."""
    found: list[Shown] = []
    for one in sources:
        for record in one.of("on_deck"):
            current = _first_unwatched(one.catalogue, record)
            if current is not None:
                found.append(Shown(source=one.source, record=current))
    return _newest_of_each(found, None)[:limit]


def recently_added(
    sources: Iterable[SourceRows], *, kinds: frozenset[str] = frozenset(), limit: int = 50
) -> Sequence[Shown]:
    """Return what is new, newest first, no work twice."""
    wanted = kinds or frozenset({"movie", "show", "episode", "album", "video"})
    found = [
        Shown(source=one.source, record=record)
        for one in sources
        for record in one.catalogue.all()
        if record["kind"] in wanted and record.get("added")
    ]
    newest = nlargest(4 * limit, found, key=lambda shown: shown.record["added"])  # room for doubles
    return _newest_of_each(newest, lambda shown: shown.record["added"])[:limit]


def works(record: Record) -> list[object]:
    """Return what makes items of different servers the same work."""
    guids = [guid for guid in guids_of(record) if guid.startswith(PROVIDERS)]
    named = [(record["kind"], guid) for guid in guids]
    return [*named, *(identities(record) if record["kind"] == "episode" else ())]


def _begun(one: SourceRows) -> list[Record]:
    ours = [record for record in one.catalogue.all() if record.get("position_ms")]
    return list(
        {
            r["key"]: r for r in [*ours, *(r for r in one.of("continue_watching") if r.get("position_ms"))]
        }.values()
    )


def _first_unwatched(catalogue: Catalogue, record: Record) -> Record | None:
    """Return the item if it is still to be watched, else the next episode of its show."""
    if not record.get("watched"):
        return record
    if record["kind"] != "episode" or not record.get("show"):
        return None
    episodes = [r for r in catalogue.below(record["show"]) if r["kind"] == "episode"]
    later = [r for r in episodes if episode_order(r) > episode_order(record) and not r.get("watched")]
    return later[0] if later else None


def _newest_of_each(found: Sequence[Shown], stamp: Callable[[Shown], int] | None) -> list[Shown]:
    """Return the items without those that are the same work, ordered by the stamp, newest first."""
    ordered = list(found) if stamp is None else sorted(found, key=stamp, reverse=True)
    seen: set[object] = set()
    kept: list[Shown] = []
    for shown in ordered:
        names = works(shown.record) or [(shown.source, shown.record["key"])]
        if not seen.intersection(names):
            kept.append(shown)
        seen.update(names)
    return kept


def _viewed(shown: Shown) -> int:
    return int(shown.record.get("viewed", 0))

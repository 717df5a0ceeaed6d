"""Carries watch state between sources whose owner wants it carried, by external ids."""

from __future__ import annotations

from collections.abc import Iterator

from vidra.engine.library.acting import record_changes
from vidra.engine.library.reading import Library
from vidra.library.between import owed
from vidra.library.pages import label
from vidra.library.records import guids_of
from vidra.library.rows import Shown
from vidra.library.watching import WatchChange, change_key
from vidra.settings.library import LibrarySettings, SyncWatched
from vidra.state.keyed import KeyedStore

_GIVES = frozenset({SyncWatched.FROM, SyncWatched.BOTH})
_TAKES = frozenset({SyncWatched.TO, SyncWatched.BOTH})
_PLAYABLE = frozenset({"movie", "episode", "video"})


def exchange_watched(
    library: Library, queue: KeyedStore, source: str, settings: LibrarySettings
) -> dict[str, int]:
    """Queue what other sources owe the source and the other way round; return changes by source."""
    queued: dict[str, list[WatchChange]] = {}
    if settings.of(source).sync_watched is SyncWatched.OFF:
        return {}
    for change in _owing(library, source, settings):
        queued.setdefault(change.source, []).append(change)
    for taker, changes in queued.items():
        record_changes(queue, library.shelves(taker)[0].store, changes)
    return {taker: len(changes) for taker, changes in queued.items()}


def _owing(library: Library, source: str, settings: LibrarySettings) -> Iterator[WatchChange]:
    for record in list(library.shelves(source)[0].catalogue.all()):
        if record["kind"] not in _PLAYABLE or not guids_of(record):
            continue
        here = Shown(source=source, record=record)
        for other in library.same_work(here):
            if other.source == source:
                continue
            for giver, taker in ((here, other), (other, here)):
                if settings.of(giver.source).sync_watched not in _GIVES:
                    continue
                if settings.of(taker.source).sync_watched not in _TAKES:
                    continue
                fields = owed(giver.record, taker.record)
                if fields:
                    yield _change(taker, fields)


def _change(taker: Shown, fields: dict[str, object]) -> WatchChange:
    item = taker.record["key"]
    known = {"source": taker.source, "item": item, "title": label(taker.record)}
    return WatchChange.model_validate({"key": change_key(taker.source, item), **known, **fields})

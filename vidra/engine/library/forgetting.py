"""What goes with a source: its library, and what its server was still to be told."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from vidra.clock import Clock
from vidra.engine.library.acting import drop, queued
from vidra.engine.library.shelves import QUEUE, forget_shelf, open_queue, shelf_ids
from vidra.engine.sources.declarations import Followed, follow_declarations
from vidra.settings import Settings
from vidra.state.source_interface import SourceStore


def forget_library(settings: Settings, source_id: str) -> int:
    """Forget the library of a source that is no more; return how many watch changes waited for it."""
    forget_shelf(settings, source_id)
    folder = settings.storage.data_dir
    if not any((folder / f"{QUEUE}.{ending}").exists() for ending in ("json", "journal")):
        return 0
    with open_queue(settings.storage) as queue:
        keys = [change.key for change in queued(queue, source_id)]
        drop(queue, keys)
    return len(keys)


def forget_strays(settings: Settings, known: Collection[str]) -> Sequence[str]:
    """Forget libraries of sources that are not known: left by a kill, or by a sync that ended later.

    Watch changes stay: if it is the list of sources that was lost, nobody else has them.
    """
    strays = [one for one in shelf_ids(settings.storage) if one not in known]
    for stray in strays:
        forget_shelf(settings, stray)
    return strays


def follow_configured(settings: Settings, store: SourceStore, *, clock: Clock) -> Followed:
    """Bring the sources in line with the configuration; libraries of those that left it go too."""
    followed = follow_declarations(settings.sources, store, clock=clock)
    for gone in followed.removed:
        forget_library(settings, gone)
    return followed

"""Asks the engine for library syncs: at its start, after downloads, when a server is back."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Collection, Sequence
from typing import Final

from vidra.engine.jobs.starter import PrefectStarter
from vidra.engine.library.acting import queued
from vidra.engine.library.deploying import FLOW, source_ids
from vidra.engine.library.shelves import QUEUE, open_queue
from vidra.errors import EngineError
from vidra.library.watching import ChangeState
from vidra.settings import Settings
from vidra.settings.storage import StorageSettings

log = logging.getLogger(__name__)

_BUCKET_S: Final = 5
"""Seconds within which the same wish is one run; few, for the run that answers it may have begun already."""


_DOWNLOAD: Final = "download"
_EARLY_S: Final = 0.05
"""Seconds before that end, which is still within it."""


async def ask_for_sync(sources: Sequence[str], *, cause: str, push_only: bool = False) -> str | None:
    """Ask for a sync of these sources; return the run's id, None without an engine to do it.

    Wishes of one `cause` that fall together are one run. The scheduled sync comes anyway, so a wish
    that nobody hears is no failure.
    """
    if not sources:
        return None
    request: dict[str, object] = {"sources": sorted(sources), "push_only": push_only}
    if cause == _DOWNLOAD:
        request["begun_after"] = int(time.time())
    wish = f"{FLOW}:{int(time.time() // _BUCKET_S)}:{cause}:{','.join(sorted(sources))}"
    try:
        return await PrefectStarter().trigger(FLOW, {"request": request}, idempotency_key=wish)
    except EngineError as error:
        log.info("no sync of %s now: %s", ", ".join(sources), error)
        return None


async def sync_at_start(settings: Settings) -> str | None:
    """Ask for a sync of every source that is synced by itself, if the owner wants that at the start."""
    library = settings.library
    if not library.at_start:
        return None
    known = await asyncio.to_thread(source_ids, settings)
    return await ask_for_sync([source for source in known if library.of(source).active], cause="start")


async def sync_after_download(settings: Settings, told: Collection[str]) -> str | None:
    """Ask for a sync of servers that were told of new files.

    At the end of the time within which wishes are one run: so it begins after the last of them, and no
    file that a server lists by then is missed.
    """
    if not settings.library.after_downloads or not told:
        return None
    await asyncio.sleep(max(0.0, _BUCKET_S - time.time() % _BUCKET_S - _EARLY_S))
    return await ask_for_sync(sorted(told), cause=_DOWNLOAD)


async def push_to_reached(storage: StorageSettings, reached: Collection[str]) -> str | None:
    """Ask that waiting watch changes be sent to servers that answer; nothing is asked if none wait."""
    waiting = await asyncio.to_thread(sources_with_changes, storage)
    return await ask_for_sync(sorted(waiting & set(reached)), cause="back", push_only=True)


def sources_with_changes(storage: StorageSettings) -> set[str]:
    """Return the ids of the sources that still have to be told of something, and may be told now."""
    if not any((storage.data_dir / f"{QUEUE}.{ending}").exists() for ending in ("json", "journal")):
        return set()
    now = int(time.time())
    with open_queue(storage) as queue:
        return {
            change.source
            for change in queued(queue)
            if change.state is ChangeState.PENDING and change.next_try <= now
        }

"""After a download: which servers still have to hear of which files, and telling them.

Files wait in `refresh_queue.json` until their server has heard of them, so that a server that is away
is told when it is back. Telling is asking for a scan of the folders, and looking whether it came to pass.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path, PurePath
from typing import Any, Final, Self

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.jobs.starter import PrefectStarter
from vidra.engine.sources.access import SourceRoom, mappings_of
from vidra.errors import AuthRequired, RemoteError, TryLater, VidraError
from vidra.redaction import redact
from vidra.servers.announce import LOOK_AFTER, Announced, announce
from vidra.state.keyed import KeyedStore, Put, Tables, open_keyed
from vidra.state.source_interface import Source, SourceKind

FLOW: Final = "library-refresh"
FILES: Final = "files"
BUCKET: Final = 5
"""Seconds within which all jobs that end ask for one and the same run."""
KEPT_FOR: Final = timedelta(days=7)
"""A server that is away for longer scans for itself when it is back."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Told:
    """What became of the files of one source."""

    source_id: str
    files: tuple[str, ...]
    result: Announced | None = None
    """None: the server did not play along; the files wait, unless that is useless."""
    problem: str | None = None


class RefreshQueue:
    """Files that servers have to hear of. Safe between processes; a context manager."""

    def __init__(self, data_dir: Path, *, clock: Clock) -> None:
        self._path, self._clock = data_dir / "refresh_queue.json", clock
        self._store: KeyedStore = open_keyed(self._path, clock=clock, repair=True)

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self._store.close()

    def add(self, source_ids: Iterable[str], files: Sequence[str]) -> None:
        """Let these files wait for these sources."""
        at = iso(self._clock.now())
        self._store.put(
            (FILES, f"{source_id}:{file}", {"version": 1, "source_id": source_id, "file": file, "at": at})
            for source_id in source_ids
            for file in files
        )

    def waiting(self) -> Mapping[str, Sequence[str]]:
        """Return the files by source, oldest first."""
        found: dict[str, list[str]] = {}
        for document in self._store.all(FILES):
            found.setdefault(document["source_id"], []).append(document["file"])
        return found

    def newest(self) -> datetime | None:
        """Return when the last file came; None if there is none."""
        times = [document["at"] for document in self._store.all(FILES)]
        return datetime.fromisoformat(max(times)) if times else None

    def done(self, source_id: str, files: Iterable[str]) -> None:
        """Forget files that the source has heard of; those that came again meanwhile too."""
        self._store.put((FILES, f"{source_id}:{file}", None) for file in files)

    def sweep(self, source_ids: Iterable[str]) -> None:
        """Forget what is too old, and what waits for sources that are gone."""
        known = set(source_ids)
        since = iso(self._clock.now() - KEPT_FOR)

        def stale(tables: Tables) -> Iterable[Put]:
            return [
                (FILES, one["key"], None)
                for one in tables.all(FILES)
                if one["at"] < since or one["source_id"] not in known
            ]

        self._store.transact(stale)


def servers_to_tell(sources: Iterable[Source]) -> list[str]:
    """Return the ids of the sources that have to be told; local ones see files by themselves."""
    return [one.source_id for one in sources if one.type is not SourceKind.LOCAL]


async def ask_for_refresh() -> str:
    """Ask the engine for a run that tells the servers; many asking at once get one. Raises `EngineError`."""
    bucket = int(time.time() // BUCKET)
    return await PrefectStarter().trigger(FLOW, {"request": {}}, idempotency_key=f"{FLOW}:{bucket}")


def waiting_for(data_dir: Path) -> set[str]:
    """Return the ids of the sources that still have to hear of files."""
    if not any((data_dir / f"refresh_queue.{ending}").exists() for ending in ("json", "journal")):
        return set()
    with RefreshQueue(data_dir, clock=SYSTEM_CLOCK) as queue:
        return set(queue.waiting())


async def tell_servers(
    room: SourceRoom, queue: RefreshQueue, *, look_after: Sequence[float] = LOOK_AFTER
) -> Sequence[Told]:
    """Tell every server of its waiting files, side by side; each fails alone.

    Files are forgotten unless the trouble passes (`TryLater`) or a sign-in is needed.
    """
    sources = {one.source_id: one for one in await asyncio.to_thread(room.store.list)}
    await asyncio.to_thread(queue.sweep, sources)
    waiting = await asyncio.to_thread(queue.waiting)
    return await asyncio.gather(
        *(_tell(room, queue, sources[key], tuple(files), look_after) for key, files in waiting.items())
    )


async def _tell(
    room: SourceRoom,
    queue: RefreshQueue,
    source: Source,
    files: tuple[str, ...],
    look_after: Sequence[float],
) -> Told:
    key, paths = source.source_id, [PurePath(file) for file in files]
    try:
        async with room.server(key) as server:
            result = await announce(server, paths, mappings=mappings_of(source), look_after=look_after)
    except VidraError as error:
        if isinstance(error, RemoteError) and not _passes(error):
            await asyncio.to_thread(queue.done, key, files)
        return Told(source_id=key, files=files, problem=redact(str(error)))
    await asyncio.to_thread(queue.done, key, files)
    return Told(source_id=key, files=files, result=result)


def _passes(error: RemoteError) -> bool:
    """Whether asking again later may work: passing trouble, or a sign-in that a person renews."""
    return isinstance(error, TryLater | AuthRequired)


def told_row(told: Told) -> dict[str, Any]:
    """Return the row of a table for a person."""
    return {
        "source": told.source_id,
        "files": len(told.files),
        "result": told.result.value if told.result else "waiting",
        "problem": told.problem or "",
    }

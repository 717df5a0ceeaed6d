"""Where the library of each source is kept, and the queue of watch changes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import UsageError
from vidra.settings import Settings
from vidra.settings.storage import StorageSettings
from vidra.state.joblock import FileJobLock
from vidra.state.journal import COMPACT_FLOOR
from vidra.state.keyed import KeyedStore, open_keyed
from vidra.state.naming import is_job_id

FOLDER = "library"
QUEUE = "watch_queue"
SHELF_FLOOR = 64 * 1024 * 1024
"""Bytes of journal before it is compacted: filling a library of 50,000 items takes 40 MB, and writing it
all again several times on the way would be half of the work."""


def shelf_ids(storage: StorageSettings) -> Sequence[str]:
    """Return the ids of the sources that have a library here, sorted."""
    folder = storage.data_dir / FOLDER
    names = {path.name.removesuffix(".journal") for path in folder.glob("*.journal")}
    return sorted(name for name in names if is_job_id(name))


def open_shelf(storage: StorageSettings, source_id: str, *, clock: Clock = SYSTEM_CLOCK) -> KeyedStore:
    """Return the library of one source; it need not exist.

    A damaged one is repaired without a word to the caller: the server has it all, the next sync mends it.
    """
    return _open(_path(storage, source_id), storage, clock, repair=True, floor=SHELF_FLOOR)


def open_queue(storage: StorageSettings, *, clock: Clock = SYSTEM_CLOCK) -> KeyedStore:
    """Return the queue of watch changes of all sources. Raises `StateDamaged`: nobody else has it."""
    return _open(storage.data_dir / f"{QUEUE}.json", storage, clock, repair=False)


def sync_lock(storage: StorageSettings, source_id: str, *, purpose: str = "sync") -> FileJobLock:
    """Return the lock that one sync of the source holds at a time, not yet taken."""
    path = storage.data_dir / "locks" / f"library-{checked(source_id)}.lock"
    return FileJobLock(path, purpose=purpose, clock=SYSTEM_CLOCK)


def push_lock(storage: StorageSettings, source_id: str) -> FileJobLock:
    """Return the lock under which changes are sent to a source, so that none is sent twice at once."""
    path = storage.data_dir / "locks" / f"watch-{checked(source_id)}.lock"
    return FileJobLock(path, purpose="push", clock=SYSTEM_CLOCK)


def forget_shelf(settings: Settings, source_id: str) -> None:
    """Remove the library of a source that is no more; its watch changes: `forgetting`."""
    path = _path(settings.storage, source_id)
    for file in path.parent.glob(f"{path.stem}.*"):
        file.unlink(missing_ok=True)


def checked(source_id: str) -> str:
    """Return the id; raise `UsageError` for one that could not be part of a file name."""
    if not is_job_id(source_id):
        raise UsageError(f"source id {source_id!r}: expected letters, digits, `-` or `_`")
    return source_id


def _path(storage: StorageSettings, source_id: str) -> Path:
    return storage.data_dir / FOLDER / f"{checked(source_id)}.json"


def _open(
    path: Path, storage: StorageSettings, clock: Clock, *, repair: bool, floor: int = COMPACT_FLOOR
) -> KeyedStore:
    return open_keyed(
        path, clock=clock, lock_timeout=storage.lock_timeout, repair=repair, compact_floor=floor
    )

"""What Vidra remembers: jobs, entries, options, logs and the archive, on TinyDB files with a journal.

`open_state(folder)` is the way in. Records and stores are described in `interface`, the change feed
in `history`, what holds them together in `facade`.
"""

from .atomic import atomic_write
from .facade import JobLock, LockHolder, State
from .history import Batch, BatchOf, Change, ChangeKind, Cursor, Feed, FeedOf
from .home import FileState, open_configured_state, open_state
from .memory import MemoryState, memory_state

__all__ = [
    "Batch",
    "BatchOf",
    "Change",
    "ChangeKind",
    "Cursor",
    "Feed",
    "FeedOf",
    "FileState",
    "JobLock",
    "LockHolder",
    "MemoryState",
    "State",
    "atomic_write",
    "memory_state",
    "open_configured_state",
    "open_state",
]

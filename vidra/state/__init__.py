"""What Vidra remembers: jobs, entries, options, logs and the archive, on TinyDB files with a journal.

`open_state(folder)` is the way in. Records and stores are described in `interface`, the change feed
in `history`, what holds them together in `facade`.
"""

from .atomic import atomic_write
from .facade import JobLock, LockHolder, State
from .history import Batch, Change, ChangeKind, Cursor, Feed
from .home import FileState, open_state
from .memory import MemoryState, memory_state

__all__ = [
    "Batch",
    "Change",
    "ChangeKind",
    "Cursor",
    "Feed",
    "FileState",
    "JobLock",
    "LockHolder",
    "MemoryState",
    "State",
    "atomic_write",
    "memory_state",
    "open_state",
]

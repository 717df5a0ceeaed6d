"""What Vidra remembers: jobs, entries, options, logs and the archive, on TinyDB files with a journal.

`open_state(folder)` is the way in; the records and stores are described in `vidra.state.interface`.
"""

from .atomic import atomic_write
from .home import FileState, open_state
from .memory import MemoryState, memory_state

__all__ = ["FileState", "MemoryState", "atomic_write", "memory_state", "open_state"]

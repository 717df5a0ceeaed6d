"""Carries what a back end prints to its log, and survives our own death.

A named pipe that the back end holds open for reading too never breaks: when the supervisor is killed the
back end gets no SIGPIPE, its next lines wait in the pipe, and the next supervisor reads on.
"""

from __future__ import annotations

import asyncio
import os
import stat
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final

_CHUNK: Final = 65_536
_LONGEST_LINE: Final = 16_384
"""Bytes; longer lines are cut into pieces so that one line cannot eat the memory."""
_PIPE_SIZE: Final = 1_048_576
"""Bytes the pipe holds while no supervisor reads (Linux allows everyone this much)."""
_F_SETPIPE_SZ: Final = 1031
_FAREWELL_CHUNKS: Final = 64
"""What is read at most after the end; somebody who escaped might print for ever."""


class Capture:
    """One stream of one back end, from its pipe into `sink`, a few lines at a time."""

    def __init__(self, path: Path, sink: Callable[[Sequence[str]], None]) -> None:
        self.path, self._sink = path, sink
        self._rest = b""
        self._reader = _open_pipe(path)
        self._loop: asyncio.AbstractEventLoop | None = None

    def listen(self) -> None:
        """Read whenever there is something to read, in the running event loop."""
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._reader, self._read_once)

    def open_for_child(self) -> int:
        """Return a descriptor for the back end's side; the caller closes it after the start."""
        return os.open(self.path, os.O_RDWR)

    def drain(self) -> None:
        """Take what is left after an end, the unfinished last line included."""
        for _ in range(_FAREWELL_CHUNKS):
            if not self._read_once():
                break
        if self._rest:
            line, self._rest = self._rest, b""
            self._sink([_text(line)])

    def close(self) -> None:
        """Stop reading; the pipe stays for whoever still prints."""
        if self._loop is not None:
            self._loop.remove_reader(self._reader)
            self._loop = None
        os.close(self._reader)

    def _read_once(self) -> bool:
        try:
            data = os.read(self._reader, _CHUNK)
        except BlockingIOError:
            return False
        *lines, self._rest = (self._rest + data).split(b"\n")
        pieces = [piece for line in lines for piece in _cut(line)]
        if len(self._rest) > _LONGEST_LINE:
            *full, self._rest = _cut(self._rest)
            pieces += full
        self._sink([_text(piece) for piece in pieces])
        return True


def _cut(line: bytes) -> list[bytes]:
    return [line[place : place + _LONGEST_LINE] for place in range(0, len(line), _LONGEST_LINE)] or [b""]


def _text(line: bytes) -> str:
    return line.rstrip(b"\r").decode(errors="replace")


def _open_pipe(path: Path) -> int:
    """Open, or make, the pipe. Opened for writing too, it never reports an end of file."""
    try:
        if not stat.S_ISFIFO(path.lstat().st_mode):
            path.unlink()
            os.mkfifo(path, 0o600)
    except FileNotFoundError:
        os.mkfifo(path, 0o600)
    reader = os.open(path, os.O_RDWR | os.O_NONBLOCK)
    try:
        import fcntl  # noqa: PLC0415 - only needed where there are pipes to enlarge

        fcntl.fcntl(reader, _F_SETPIPE_SZ, _PIPE_SIZE)
    except OSError:
        pass  # a smaller pipe works too; the limit per user may be used up
    return reader

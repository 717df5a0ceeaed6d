"""The download archive: yt-dlp's own text file, which plain yt-dlp may read and write at the same time."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from collections.abc import Iterable
from pathlib import Path

from vidra.errors import UsageError

from .atomic import FILE_MODE, ensure_folder, sync_file, tighten, translated, write_all
from .interface import Archive
from .lock import ExclusiveLock


class FileArchive(Archive):
    """One `extractor id` a line. What stands in the file is only ever added to, except by `remove`.

    Lines of others are taken in before every answer. Blank lines and Windows line ends are
    tolerated; an unfinished last line is finished before the next key is written. Beside our own lock,
    which excludes other processes of ours, writing takes the one that yt-dlp takes: on the file itself.
    """

    def __init__(self, path: Path, *, lock_timeout: float = 10.0) -> None:
        self._path = path
        self._lock = ExclusiveLock(path.with_name(f"{path.name}.lock"), timeout=lock_timeout)
        self._guard = threading.RLock()
        self._keys: set[str] = set()
        self._seen: tuple[int, int, int] | None = None

    def __contains__(self, key: object) -> bool:
        """Whether the key is recorded."""
        with self._guard:
            return key in self._current()

    def add(self, key: str) -> bool:
        """Record the key, durably, once; return whether it was new."""
        return self.add_all([key]) == 1

    def add_all(self, keys: Iterable[str]) -> int:
        """Record the keys in one durable write; return how many were new."""
        wanted = list(dict.fromkeys(keys))
        for key in wanted:
            if not key.strip() or key != key.strip() or len(key.splitlines()) != 1:
                raise UsageError(f"archive key {key!r}: expected one line `extractor id`")
        with self._guard, self._lock:
            known = self._current()
            fresh = [key for key in wanted if key not in known]
            if fresh:
                with translated(self._path, "append to the archive"):
                    self._append("\n".join(fresh))
                self._keys.update(fresh)
            return len(fresh)

    def remove(self, key: str) -> bool:
        """Forget the key; return whether it was there."""
        with self._guard, self._lock:
            if key not in self._current():
                return False
            with translated(self._path, "take a key out of the archive"):
                self._blank(key)
            self._seen = None
            return True

    def keys(self) -> frozenset[str]:
        """Return all keys."""
        with self._guard:
            return frozenset(self._current())

    def _current(self) -> set[str]:
        try:
            found = self._path.stat()
        except FileNotFoundError:
            self._seen = None
            self._keys = set()
            return self._keys
        mark = (found.st_ino, found.st_size, found.st_mtime_ns)
        if mark != self._seen:
            tighten(self._path, FILE_MODE)
            text = self._path.read_bytes().decode("utf-8", "replace")
            self._keys = {line.strip() for line in text.split("\n")} - {""}
            self._seen = mark
        return self._keys

    def _blank(self, key: str) -> None:
        """Overwrite the key's lines with blanks, in place.

        A new file in the place of this one would lose what a yt-dlp writes that has this one open.
        """
        with self._path.open("r+b", buffering=0) as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            changed, place = os.fstat(file.fileno()).st_mtime_ns, 0
            for line in file.read().splitlines(keepends=True):
                if line.decode("utf-8", "replace").strip() == key:
                    os.pwrite(file.fileno(), b" " * len(line.rstrip(b"\r\n")), place)
                place += len(line)
            sync_file(file.fileno())
            # The size stays, and the clock of files is coarse: others have to see that something changed.
            os.utime(file.fileno(), ns=(time.time_ns(), max(time.time_ns(), changed + 1)))

    def _append(self, lines: str) -> None:
        ensure_folder(self._path.parent)
        descriptor = os.open(self._path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, FILE_MODE)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX)
            size = os.fstat(descriptor).st_size
            unfinished = size > 0 and os.pread(descriptor, 1, size - 1) != b"\n"
            try:
                write_all(descriptor, b"\n" * unfinished + lines.encode() + b"\n")
                sync_file(descriptor)
            except OSError:
                os.ftruncate(descriptor, size)
                raise
            found = os.fstat(descriptor)
        finally:
            os.close(descriptor)
        # Somebody without our lock may have written in between: only our own growth counts as seen.
        if self._seen is not None and found.st_size == self._seen[1] + len(lines.encode()) + 1:
            self._seen = (found.st_ino, found.st_size, found.st_mtime_ns)
        else:
            self._seen = None

"""The folder an entry is worked on in: the same for the same entry, so that a later attempt resumes."""

from __future__ import annotations

import hashlib
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

from vidra.errors import TryLater

_UNFINISHED = (".part", ".ytdl", ".origin", ".lock")
_FRAGMENT = re.compile(r"\.part-Frag\d+(?:\.part)?$")


@dataclass(frozen=True, slots=True)
class Workspace:
    """`<workdir>/<digest of the entry's key>/`, holding files named after the chosen format."""

    folder: Path

    @classmethod
    def of(cls, workdir: Path, key: str) -> Workspace:
        """Return the entry's workspace; creates nothing."""
        return cls(workdir / hashlib.sha256(key.encode()).hexdigest()[:20])

    @contextmanager
    def held(self) -> Iterator[None]:
        """Create the folder and keep other processes and threads out of it; TryLater if one is in it."""
        self.folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(f"{self.folder}.lock", timeout=0, is_singleton=False, thread_local=False)
        try:
            lock.acquire()
        except filelock.Timeout as error:
            raise TryLater("another worker is downloading this entry") from error
        try:
            yield
        finally:
            lock.release()

    def bytes_present(self) -> int:
        """Return how much is in the folder already."""
        return sum(path.stat().st_size for path in self.folder.iterdir() if path.is_file())

    def produced(self, media: Path) -> list[Path]:
        """Return what belongs beside a finished media file, nothing unfinished among it."""
        return sorted(
            path
            for path in self.folder.iterdir()
            if path != media
            and path.name.startswith((f"{media.stem}.", f"{media.stem}-thumb."))
            and path.suffix not in _UNFINISHED
            and not _FRAGMENT.search(path.name)
        )

    def discard(self) -> None:
        """Remove the folder and all that is in it, and its lock."""
        shutil.rmtree(self.folder, ignore_errors=True)
        Path(f"{self.folder}.lock").unlink(missing_ok=True)


def stem_for(format_id: str | None) -> str:
    """Return the name, without extension, of files of this format: another format must not resume them."""
    return "media-" + re.sub(r"[^A-Za-z0-9+_-]", "_", format_id or "0")[:80]

"""Reading a folder of media: everything that is there, or an error, never half of it."""

from __future__ import annotations

import errno
import hashlib
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidra.errors import Missing, Refused, RemoteError, TryLater

EXTENSIONS: Final = frozenset({".mp4", ".m4v", ".mkv", ".avi", ".mov", ".webm"})


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaPath:
    """A media file that was found; `id` stays when folders above it are renamed or moved."""

    id: str
    path: Path
    relative: Path
    size: int
    modified: float


def scan(root: Path) -> list[MediaPath]:
    """Return the media files below `root`, by path.

    Hidden files and folders are skipped, and so are links that lead out of `root`. Raises `TryLater` if
    `root` is not there (an unmounted disk must not look like an empty library) and `Refused` if
    anything below it cannot be read.
    """
    if not root.is_dir():
        raise TryLater(f"{root}: no such folder; is the disk mounted?")
    real = Path(os.path.realpath(root))
    found: list[tuple[Path, os.stat_result]] = []
    for path in _walk(root, real):
        try:
            found.append((path, path.stat()))
        except FileNotFoundError:
            continue  # gone since the folder was listed
        except OSError as exc:
            raise _unreadable(path, exc) from exc
    return _named(root, found)


def _unreadable(path: Path, error: OSError) -> RemoteError:
    """Return what an operating system error means to a library."""
    text = f"{path}: cannot be read: {error.strerror or error}"
    if error.errno in {errno.EACCES, errno.EPERM, errno.ELOOP}:
        return Refused(text)
    return Missing(text) if error.errno == errno.ENOENT else TryLater(text)


def _walk(folder: Path, real_root: Path) -> Iterator[Path]:
    try:
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
    except OSError as exc:
        raise _unreadable(folder, exc) from exc
    for entry in entries:
        if entry.name.startswith(".") or not _stays_inside(entry, real_root):
            continue
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), real_root)
        elif Path(entry.name).suffix.lower() in EXTENSIONS and entry.is_file():
            yield Path(entry.path)


def _stays_inside(entry: os.DirEntry[str], real_root: Path) -> bool:
    """Whether the entry is no link, or one to a file below the root; linked folders could make loops."""
    if not entry.is_symlink():
        return True
    target = Path(os.path.realpath(entry.path))
    return target.is_relative_to(real_root) and target.is_file()


def _named(root: Path, found: Sequence[tuple[Path, os.stat_result]]) -> list[MediaPath]:
    """Give every file an id from its own name and size; where those are not unique, from its path too."""
    counts: dict[tuple[str, int], int] = {}
    for path, status in found:
        key = (path.name, status.st_size)
        counts[key] = counts.get(key, 0) + 1
    return [
        MediaPath(
            id=_id(
                path.name if counts[path.name, status.st_size] == 1 else str(path.relative_to(root)),
                status.st_size,
            ),
            path=path,
            relative=path.relative_to(root),
            size=status.st_size,
            modified=status.st_mtime,
        )
        for path, status in found
    ]


def _id(name: str, size: int) -> str:
    return hashlib.sha256(f"{name}\0{size}".encode("utf-8", "surrogateescape")).hexdigest()[:32]

"""Refuses a download that would fill a disk, before its first byte."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from vidra.errors import DiskFull

FreeBytes = Callable[[Path], int]
"""Returns the bytes that are free on the file system of an existing path."""


def free_bytes(path: Path) -> int:
    """Return the bytes an ordinary user may still write on the file system of `path`."""
    return shutil.disk_usage(path).free


def expected_bytes(info: Mapping[str, Any]) -> int | None:
    """Return how large the chosen streams are announced or estimated to be; None if unknown."""
    streams = info.get("requested_formats") or [info]
    sizes = [_stream_bytes(stream, info.get("duration")) for stream in streams]
    known = [size for size in sizes if size]
    return sum(known) if known else None


def check_room(
    *, work: Path, target: Path, expected: int | None, present: int, floor: int, free: FreeBytes = free_bytes
) -> None:
    """Raise DiskFull unless both file systems keep `floor` bytes free with the download on them.

    `present` is what an earlier attempt has fetched already. Merging and remuxing write the media a
    second time while the first copy is still there, so the work folder needs it twice.
    """
    size = expected or 0
    work_root, target_root = _existing(work), _existing(target)
    needs = {work_root: max(0, 2 * size - present) + floor}
    if work_root.stat().st_dev != target_root.stat().st_dev:
        needs[target_root] = size + floor
    for path, needed in needs.items():
        room = free(path)
        if room < needed:
            raise DiskFull(path, needed=needed, free=room)


def _stream_bytes(stream: Mapping[str, Any], duration: float | None) -> int | None:
    size = stream.get("filesize") or stream.get("filesize_approx")
    if size:
        return int(size)
    rate = stream.get("tbr")  # kbit/s
    return int(rate * 125 * duration) if rate and duration else None


def _existing(path: Path) -> Path:
    """Return the path or the nearest folder above it that exists."""
    return next(folder for folder in (path, *path.parents) if folder.exists())

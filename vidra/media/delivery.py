"""Moves finished files into the library: all of an entry together, never over somebody else's."""

from __future__ import annotations

import contextlib
import errno
import filecmp
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from vidra.errors import DiskFull, PathRefused
from vidra.media.extensions import check_library_extension
from vidra.media.naming import make_parent, unique_target


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """Where the files of an entry ended up."""

    media: Path
    sidecars: tuple[Path, ...]
    existed: bool = False
    """The library already had exactly this file; ours was dropped."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Destination:
    """Where an entry belongs, and what to do if something is there."""

    target: Path
    root: Path
    media_id: str
    is_same: Callable[[Path], bool]
    """Whether an existing media file is this very video, which may be replaced."""


def deliver(media: Path, sidecars: Sequence[Path], destination: Destination) -> Delivery:
    """Move the media file and what belongs to it to their places; raise before anything is moved.

    Raises PathRefused for a file of a kind that must not enter the library, DiskFull when it does not
    fit. Sidecars keep what follows the media file's stem: `.info.json`, `.en.vtt`, `.jpg`.
    """
    for path in (media, *sidecars):
        check_library_extension(path.name)
    wanted = destination.target.with_suffix(media.suffix)
    make_parent(wanted, destination.root)
    if wanted.is_file() and filecmp.cmp(media, wanted, shallow=False):
        return _existed(media, sidecars, wanted)
    while True:
        target = unique_target(wanted, media_id=destination.media_id, is_same=destination.is_same)
        replace = target.is_file() and destination.is_same(target)
        moved = _move_all(sidecars, media, target)
        try:
            _move(media, target, replace=replace)
        except FileExistsError:
            # Another worker took the name in this very moment; unique_target finds the next one.
            _move_back(moved, sidecars)
            continue
        return Delivery(media=target, sidecars=moved)


def _existed(media: Path, sidecars: Sequence[Path], target: Path) -> Delivery:
    """Keep the library's copy: a run that died after its delivery comes by here again."""
    media.unlink()
    return Delivery(media=target, sidecars=_move_all(sidecars, media, target), existed=True)


def _move_all(sidecars: Sequence[Path], media: Path, target: Path) -> tuple[Path, ...]:
    """Move the sidecars first: a media file in the library always has its notes beside it."""
    moved = []
    for sidecar in sidecars:
        place = target.with_name(target.stem + sidecar.name.removeprefix(media.stem))
        _move(sidecar, place, replace=True)
        moved.append(place)
    return tuple(moved)


def _move_back(moved: Sequence[Path], sidecars: Sequence[Path]) -> None:
    for place, origin in zip(moved, sidecars, strict=True):
        _move(place, origin, replace=True)


def _move(source: Path, target: Path, *, replace: bool) -> None:
    """Move one file, by rename where possible; FileExistsError if it would replace without leave."""
    if target.is_symlink():
        raise PathRefused(target, None, "a link stands in its place")
    try:
        _place(source, target, replace=replace)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(target.parent, needed=None, free=None) from error
        if error.errno != errno.EXDEV:
            raise
        _move_across(source, target, replace=replace)


def _place(source: Path, target: Path, *, replace: bool) -> None:
    """Rename within a file system, without a moment in which another's file could be lost."""
    if replace:
        source.replace(target)
        return
    try:
        os.link(source, target)
    except OSError as error:
        if error.errno not in {errno.EPERM, errno.ENOTSUP, errno.EMLINK, errno.ENOSYS}:
            raise
        # No hard links here (exFAT, some network shares): the plain check has to do.
        if target.exists():
            raise FileExistsError(errno.EEXIST, "exists", str(target)) from error
        source.replace(target)
    else:
        source.unlink()


def _move_across(source: Path, target: Path, *, replace: bool) -> None:
    """Copy beside the target, flush to disk, then rename: nobody ever sees half a file."""
    scratch = target.with_name(f".{target.name[:80]}.{os.getpid()}.tmp")
    try:
        with source.open("rb") as reader, scratch.open("xb") as writer:
            shutil.copyfileobj(reader, writer, 1024 * 1024)
            writer.flush()
            os.fsync(writer.fileno())
        shutil.copystat(source, scratch)
        _place(scratch, target, replace=replace)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EDQUOT}:
            raise DiskFull(target.parent, needed=source.stat().st_size, free=None) from error
        raise
    finally:
        with contextlib.suppress(FileNotFoundError):
            scratch.unlink()
    source.unlink()

"""Writing to disk so that a crash leaves the old or the new, never a mixture, readable by the owner only."""

from __future__ import annotations

import errno
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from vidra.errors import StateWriteFailed

log = logging.getLogger(__name__)

FOLDER_MODE = 0o700
FILE_MODE = 0o600
STRAY_SUFFIX = ".vidra-tmp"

_NOT_SUPPORTED = frozenset({errno.EINVAL, errno.ENOSYS, errno.ENOTSUP})
_ADVICE = {
    errno.ENOSPC: "the file system is full: free some room, no restart is needed",
    errno.EDQUOT: "the disk quota is used up: free some room, no restart is needed",
    errno.EFBIG: "the file may not grow: raise the file size limit (ulimit -f)",
    errno.EROFS: "the file system is read-only",
    errno.EACCES: "this user may not write there",
    errno.EPERM: "this user may not write there",
    errno.EIO: "the disk reports errors: check it before anything else",
}


@contextmanager
def translated(path: Path, action: str) -> Iterator[None]:
    """Turn an `OSError` of the block into `StateWriteFailed` with the remedy in words."""
    try:
        yield
    except OSError as error:
        advice = _ADVICE.get(error.errno or 0)
        message = f"could not {action}: {error.strerror or error}" + (f"; {advice}" if advice else "")
        raise StateWriteFailed(path, message) from error


def ensure_folder(folder: Path) -> None:
    """Create the folder with its parents, private to its owner; tighten one that exists."""
    with translated(folder, "create the folder"):
        if not folder.is_dir():
            folder.mkdir(mode=FOLDER_MODE, parents=True, exist_ok=True)
            sync_folder(folder.parent)
    tighten(folder, FOLDER_MODE)


def tighten(path: Path, mode: int) -> None:
    """Take away rights beyond `mode`; a file of somebody else is left alone, with a warning."""
    try:
        if path.stat().st_mode & 0o777 & ~mode:
            path.chmod(mode)
    except PermissionError:
        log.warning("%s is open to others and not ours to close", path)
    except OSError as error:
        if error.errno != errno.EROFS:
            raise


def sync_file(descriptor: int, *, metadata: bool = True) -> None:
    """Wait until the disk has the file; `metadata=False` skips times. Raises `OSError`.

    A file system without fsync answers EINVAL or the like; there is nothing more to be had from it.
    """
    try:
        if metadata or not hasattr(os, "fdatasync"):
            os.fsync(descriptor)
        else:
            os.fdatasync(descriptor)
    except OSError as error:
        if error.errno not in _NOT_SUPPORTED:
            raise
        log.debug("this file system cannot sync: %s", error)


def sync_folder(folder: Path) -> None:
    """Wait until the disk has the folder's entries, so that a rename survives a power cut."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        sync_file(descriptor)
    finally:
        os.close(descriptor)


def write_all(descriptor: int, data: bytes | memoryview) -> None:
    """Write every byte, however many calls the kernel wants for it."""
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def atomic_write(path: Path, data: bytes) -> None:
    """Replace the file's content, durably, mode 0600; raise `StateWriteFailed` and keep the old one."""
    with translated(path, "write the file"):
        replace_file(path, data)


def replace_file(path: Path, *pieces: bytes | memoryview) -> None:
    """Do `atomic_write`'s work with all pieces one behind the other, raising `OSError`."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", suffix=STRAY_SUFFIX, dir=path.parent)
    temporary = Path(name)
    try:
        try:
            for piece in pieces:
                write_all(descriptor, piece)
            sync_file(descriptor)
        finally:
            os.close(descriptor)
        temporary.replace(path)
    except BaseException:
        with suppress(FileNotFoundError):
            temporary.unlink()
        raise
    sync_folder(path.parent)


def replace_with_link(source: Path, target: Path) -> bool:
    """Make `target` another name of `source`, replacing what it was; False where links do not exist."""
    temporary = target.with_name(f".{target.name}.{os.getpid()}{STRAY_SUFFIX}")
    with suppress(FileNotFoundError):
        temporary.unlink()
    try:
        os.link(source, temporary)
    except OSError as error:
        if error.errno in {errno.ENOSPC, errno.EIO, errno.EDQUOT}:
            raise
        log.debug("no hard links here, so no second copy of %s: %s", source, error)
        return False
    temporary.replace(target)
    # Renaming one name of a file to another name of the same file does nothing, says POSIX.
    temporary.unlink(missing_ok=True)
    return True


def sweep(folder: Path, *, name: str = "", untouched_since: float | None = None) -> int:
    """Remove temporary files that a crash left behind (of one file name, if given); return how many.

    The caller holds the lock under which such files are made, or passes a time stamp so far back
    that no file from before it can still be in the making.
    """
    strays = [
        path
        for path in folder.glob(f".{name}*{STRAY_SUFFIX}")
        if untouched_since is None or path.stat().st_mtime < untouched_since
    ]
    for stray in strays:
        with suppress(FileNotFoundError):
            stray.unlink()
    return len(strays)

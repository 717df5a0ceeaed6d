"""Files only their owner may read: created exclusively, replaced atomically, tightened when found open."""

from __future__ import annotations

import logging
import os
import tempfile
from pathlib import Path

_log = logging.getLogger(__name__)


def ensure_private_folder(folder: Path) -> None:
    """Make sure the folder exists with mode 0700; missing parents are made private as well."""
    for parent in reversed(folder.parents):
        parent.mkdir(mode=0o700, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    _tighten(folder, 0o700)


def create_private(path: Path, data: bytes) -> bytes:
    """Create the file with mode 0600 unless it exists, and return what it holds in the end.

    Of several processes that try at once, one writes and all return the same bytes: the file is
    written under another name and linked into place, so nobody ever reads half of it.
    """
    draft = _write_beside(path, data)
    try:
        _link_or_write(draft, path, data)
    except FileExistsError:
        return read_private(path)
    finally:
        draft.unlink()
    _sync_folder(path.parent)
    return data


def read_private(path: Path) -> bytes:
    """Return the file's bytes; close it to others first, with a warning, if it stood open."""
    _tighten(path, 0o600)
    return path.read_bytes()


def replace_private(path: Path, data: bytes) -> None:
    """Replace the file's content, mode 0600; after a crash there is the old content or the new."""
    draft = _write_beside(path, data)
    try:
        draft.replace(path)
    except OSError:
        draft.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _link_or_write(draft: Path, path: Path, data: bytes) -> None:
    try:
        os.link(draft, path, follow_symlinks=False)
    except FileExistsError:
        raise
    except (OSError, NotImplementedError):  # no hard links here (exFAT, SMB): exclusive, if not all at once
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(data)


def _write_beside(path: Path, data: bytes) -> Path:
    descriptor, name = tempfile.mkstemp(
        prefix=f".{path.name}.", dir=path.parent
    )  # 0600 and O_EXCL by contract
    with os.fdopen(descriptor, "wb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
    return Path(name)


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":
        return  # Windows neither needs nor allows it
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _tighten(path: Path, mode: int) -> None:
    if os.name == "nt":
        return  # POSIX modes mean nothing there; the folder's access list protects
    found = path.stat().st_mode & 0o777
    if found & ~mode:
        _log.warning("%s was open to others (mode %04o); set to %04o", path, found, mode)
        path.chmod(mode)

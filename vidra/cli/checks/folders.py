"""Folders: room, permissions, and what kind of disk they are on."""

from __future__ import annotations

import os
import shutil
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from vidra.cli.checks.finding import Finding, error, ok, warn
from vidra.cli.progress.wording import count, size

NETWORK_FILE_SYSTEMS: Final = frozenset(
    {
        "nfs",
        "nfs4",
        "cifs",
        "smb2",
        "smb3",
        "smbfs",
        "afpfs",
        "ncpfs",
        "fuse.sshfs",
        "sshfs",
        "davfs",
        "fuse.rclone",
    }
)
"""Where file locks and fsync are promises nobody keeps."""
PLENTY: Final = 10
"""Warn when less than so many times the floor is free."""


class Mount(NamedTuple):
    """A mounted file system; field names as in psutil."""

    mountpoint: str
    fstype: str


def _existing(path: Path) -> Path:
    """Return the path or its nearest ancestor that is there."""
    path = path.expanduser().absolute()
    return next((place for place in (path, *path.parents) if place.exists()), path)


def check_room(
    name: str,
    path: Path,
    *,
    floor: int,
    usage: Callable[[Path], int] = lambda path: shutil.disk_usage(path).free,
) -> Finding:
    """Whether the folder can be written and has room; `floor` is bytes."""
    place = _existing(path)
    if not os.access(place, os.W_OK | os.X_OK):
        return error(name, f"{place} cannot be written", f"give this user write access to {place}")
    free = usage(place)
    detail = f"{path}, {size(free)} free" + ("" if path.exists() else " (made when needed)")
    if free < floor:
        return error(name, f"{detail}, the floor is {size(floor)}", "free some room or choose another disk")
    if free < floor * PLENTY:
        return warn(name, detail, "room for a few files only")
    return ok(name, detail)


def check_privacy(data_dir: Path) -> Finding:
    """Whether nobody else can read the state: folders 0700, files 0600."""
    if os.name == "nt":
        return ok("permissions", "the user profile's, on Windows")
    if not data_dir.exists():
        return ok("permissions", f"{data_dir} is not there yet; it is made with 0700")
    open_to_others = [path for path in _state_paths(data_dir) if stat.S_IMODE(path.lstat().st_mode) & 0o077]
    if open_to_others:
        detail = f"{count(len(open_to_others), 'path')} open to others, first {open_to_others[0]}"
        return error("permissions", detail, f"chmod -R go= '{data_dir}'")
    return ok("permissions", f"{data_dir} is private")


def _state_paths(data_dir: Path) -> Iterator[Path]:
    """Yield the folder and what lies in it, two levels deep; Prefect's home looks after itself."""
    yield data_dir
    for path in data_dir.iterdir():
        if path.is_symlink():
            continue
        yield path
        if path.is_dir() and path.name != "prefect":
            yield from (inner for inner in path.iterdir() if not inner.is_symlink())


def check_disk_kind(data_dir: Path, mounts: list[Mount] | None = None) -> Finding:
    """Whether the state lies on a local disk; locks on network shares do not hold."""
    place = _existing(data_dir).resolve()
    mounts = _mounts() if mounts is None else mounts
    around = [mount for mount in mounts if place.is_relative_to(mount.mountpoint)]
    kind = max(around, key=lambda mount: len(mount.mountpoint)).fstype if around else "unknown"
    if kind.lower() in NETWORK_FILE_SYSTEMS:
        remedy = "set storage.data_dir to a folder on a local disk; the library may stay on the share"
        return error("state disk", f"{data_dir} is on a network file system ({kind})", remedy)
    return ok("state disk", f"local ({kind})")


def _mounts() -> list[Mount]:
    import psutil  # noqa: PLC0415 - only the doctor asks

    return [Mount(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]


def check_prefect_home(path: Path) -> Finding:
    """Where the embedded server keeps its database, and how big it has grown."""
    if not path.exists():
        return ok("prefect home", f"{path}, made at the first run")
    if not os.access(path, os.W_OK | os.X_OK):
        return error("prefect home", f"{path} cannot be written", f"give this user write access to {path}")
    used = sum(file.stat().st_size for file in path.glob("*") if file.is_file())
    return ok("prefect home", f"{path}, {size(used)}")

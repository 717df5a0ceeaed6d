"""Refuses data folders on network file systems, where locks and fsync do not keep their promises."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

import psutil

from vidra.errors import StateError

NETWORK = frozenset(
    {"nfs", "nfs3", "nfs4", "cifs", "smb2", "smb3", "smbfs", "afs", "afpfs", "ncpfs", "davfs", "webdav"}
    | {"fuse.sshfs", "fuse.rclone", "fuse.davfs2", "fuse.s3fs", "fuse.curlftpfs", "fuse.glusterfs"}
)


def mounted_type(folder: Path, mounts: Iterable[tuple[str, str]]) -> str:
    """Return the type of the file system that holds the folder; `mounts` are (mount point, type)."""
    path = folder.absolute()
    holding = [(Path(point), kind) for point, kind in mounts if path.is_relative_to(point)]
    # The last of equally deep ones: a later mount hides an earlier one.
    return (
        max(enumerate(holding), key=lambda found: (len(found[1][0].parts), found[0]))[1][1] if holding else ""
    )


def refuse_network(folder: Path, mounts: Iterable[tuple[str, str]] | None = None) -> None:
    """Raise `StateError` if the folder is on a network file system; `mounts` default to this machine's."""
    if mounts is None:
        mounts = [(part.mountpoint, part.fstype) for part in psutil.disk_partitions(all=True)]
    kind = mounted_type(folder.resolve(), mounts)
    if kind.lower() in NETWORK:
        raise StateError(
            folder,
            f"this is a network file system ({kind}), where file locks and fsync cannot be relied on; "
            "set `storage.data_dir` (or VIDRA_SERVER_DATA) to a folder on a local disk. "
            "Downloads themselves may go to a network share",
        )

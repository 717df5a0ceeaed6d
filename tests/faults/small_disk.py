"""A file system with little room, which can be given more."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, kw_only=True)
class SmallDisk:
    """A mounted file system of its own."""

    folder: Path
    mount: str
    """The program that mounts."""

    @property
    def free(self) -> int:
        """Bytes that anybody may still write."""
        facts = os.statvfs(self.folder)
        return facts.f_bavail * facts.f_frsize

    def resize(self, size: int) -> None:
        """Give it another size in bytes."""
        subprocess.run([self.mount, "-o", f"remount,size={size}", str(self.folder)], check=True)

    def fill(self, *, leave: int = 0) -> Path:
        """Write a file that leaves so much room; return it."""
        stuffing = self.folder / "stuffing"
        with stuffing.open("wb") as file:
            file.write(bytes(max(0, self.free - leave)))
        return stuffing


@contextmanager
def small_disk(folder: Path, *, size: int) -> Iterator[SmallDisk]:
    """Mount one of so many bytes at the folder, or skip the test saying why that cannot be."""
    folder.mkdir(parents=True, exist_ok=True)
    mount, unmount = shutil.which("mount"), shutil.which("umount")
    if mount is None or unmount is None:
        pytest.skip("no `mount` here, so there is no file system to fill up")
    command = [mount, "-t", "tmpfs", "-o", f"size={size},mode=0700", "vidra-test", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"a small file system cannot be mounted here: {done.stderr.strip()}")
    try:
        yield SmallDisk(folder=folder, mount=mount)
    finally:
        subprocess.run([unmount, "--lazy", str(folder)], check=True)

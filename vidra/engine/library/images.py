"""Artwork on disk: fetched once a day, bounded in size, shown from here while the server is away."""

from __future__ import annotations

import hashlib
import os
import re
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidra.errors import Missing

LIFETIME_S: Final = 86_400
"""Seconds after which a picture is fetched again, as the contract has it for pictures of servers."""
MOST_BYTES: Final = 10 * 1024 * 1024
"""No picture is larger."""
_FORMATS: Final = {
    b"\xff\xd8\xff": "image/jpeg",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"RIFF": "image/webp",
    b"GIF8": "image/gif",
}
_PATHS: Final = (
    re.compile(r"/library/(?:metadata|collections)/[0-9]+/(?:thumb|art|banner|composite)/[0-9]+"),
    re.compile(r"/playlists/[0-9]+/composite/[0-9]+"),
    re.compile(r"/Items/[0-9A-Za-z-]{1,64}/Images/(?:Primary|Backdrop)\?tag=[0-9A-Za-z]{1,64}"),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Picture:
    """A picture and its media type."""

    content: bytes
    media_type: str


def checked_path(path: str) -> str:
    """Return the path of a server's picture; raise `Missing` for what is no picture's path."""
    if not any(pattern.fullmatch(path) for pattern in _PATHS):
        raise Missing("that item has no picture that can be shown")
    return path


def picture_of(content: bytes) -> Picture:
    """Return the bytes as a picture; raise `Missing` if they are none, whatever the server calls them."""
    kind = next((kind for head, kind in _FORMATS.items() if content.startswith(head)), None)
    if kind is None or (kind == "image/webp" and content[8:12] != b"WEBP") or len(content) > MOST_BYTES:
        raise Missing("the server sent no picture")
    return Picture(content=content, media_type=kind)


class PictureCache:
    """A folder of pictures by what was asked for; the least recently used go first."""

    def __init__(self, folder: Path, *, limit: int) -> None:
        self._folder, self._limit = folder, limit

    def get(self, key: str, *, stale: bool = False) -> Picture | None:
        """Return the picture if it is there and young enough, or of whatever age with `stale`."""
        path = self._path(key)
        try:
            found = path.stat()
            if not stale and time.time() - found.st_mtime > LIFETIME_S:
                return None
            picture = picture_of(path.read_bytes())
            os.utime(path, (time.time(), found.st_mtime))  # the access time tells what is used
        except (OSError, Missing):
            return None
        return picture

    def put(self, key: str, picture: Picture) -> None:
        """Keep the picture, and make room for it."""
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor, name = tempfile.mkstemp(dir=self._folder, suffix=".part")
        with os.fdopen(descriptor, "wb") as file:
            file.write(picture.content)
        Path(name).replace(self._path(key))
        self._make_room()

    def _make_room(self) -> None:
        entries = [(entry, entry.stat()) for entry in os.scandir(self._folder) if entry.is_file()]
        total = sum(found.st_size for _, found in entries)
        for entry, found in sorted(entries, key=lambda pair: pair[1].st_atime):
            if total <= self._limit:
                return
            Path(entry.path).unlink(missing_ok=True)
            total -= found.st_size

    def _path(self, key: str) -> Path:
        return self._folder / hashlib.sha256(key.encode()).hexdigest()

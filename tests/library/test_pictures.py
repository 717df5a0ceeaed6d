"""Artwork on disk: bounded in size, fetched again after a day, shown stale while the server is away."""

from __future__ import annotations

import os
import time
from pathlib import Path

import pytest

from vidra.engine.library.images import LIFETIME_S, Picture, PictureCache, checked_path, picture_of
from vidra.errors import Missing

JPEG = b"\xff\xd8\xff" + b"x" * 997


def picture() -> Picture:
    """Return a picture of a thousand bytes."""
    return Picture(content=JPEG, media_type="image/jpeg")


def test_the_least_recently_used_pictures_make_room(tmp_path: Path) -> None:
    """The folder never holds more than its limit."""
    cache = PictureCache(tmp_path, limit=2500)
    for age, key in ((300, "old"), (200, "used")):
        cache.put(key, picture())
        newest = max(tmp_path.iterdir(), key=lambda path: path.stat().st_mtime_ns)
        os.utime(newest, (time.time() - age, time.time() - age))
    assert cache.get("old") is not None  # looked at: now `used` is the one that was not used for longest
    cache.put("new", picture())
    assert [key for key in ("old", "used", "new") if cache.get(key)] == ["old", "new"]
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) <= 2500


def test_a_picture_counts_for_a_day(tmp_path: Path) -> None:
    """Then it is fetched again; if the server is away, the old one is better than none."""
    cache = PictureCache(tmp_path, limit=10_000)
    cache.put("a", picture())
    (file,) = tmp_path.iterdir()
    os.utime(file, (time.time(), time.time() - LIFETIME_S - 1))
    assert cache.get("a") is None
    assert cache.get("a", stale=True) == picture()


@pytest.mark.parametrize(
    "path",
    ["/library/sections", "/library/metadata/1/thumb/2?url=http://x", "http://x/library/metadata/1/thumb/2",
     "/Items/a/Images/Primary?tag=../x", "/playlists/1/items"],
)  # fmt: skip
def test_only_paths_of_pictures_are_asked_for(path: str) -> None:
    """Whatever an item claims its picture is."""
    with pytest.raises(Missing):
        checked_path(path)


@pytest.mark.parametrize(
    "content", [b"<svg onload='x'>", b"GIF", b"RIFF0000WAVE", b"", b"\xff\xd8\xff" * 4_000_000]
)
def test_only_pictures_of_known_formats_and_sizes_are_kept(content: bytes) -> None:
    """Told by their bytes, not by what the server says."""
    with pytest.raises(Missing):
        picture_of(content)

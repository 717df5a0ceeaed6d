"""The folder of a show, with what media servers look for in it beside the episodes."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vidra.media.interface import Listing
from vidra.media.naming import confined
from vidra.media.publication import Artwork

FetchPicture = Callable[[str], tuple[bytes, str] | None]
"""Returns bytes and extension of the picture at a web address; None, quickly, if there is none."""

_SEASON = re.compile(r"(?i)season \d+\Z")
_EXTENSIONS: Final = ("jpg", "jpeg", "png", "webp")


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowFolder:
    """Where a show lies; `season` is the folder of one season, if it has such."""

    path: Path
    season: Path | None
    artwork: Artwork

    @classmethod
    def of(cls, media: Path, home: Path, *, artwork: Artwork) -> ShowFolder | None:
        """Return the show's folder of a delivered file; None if it lies in the library's own root."""
        folder, season = media.parent, None
        if _SEASON.match(folder.name):
            folder, season = folder.parent, folder
        if folder.resolve() == home.resolve() or not folder.resolve().is_relative_to(home.resolve()):
            return None
        return cls(path=folder, season=season, artwork=artwork)

    def add_notes(self, notes: bytes) -> None:
        """Write `tvshow.nfo` unless there is one."""
        if not (target := self.path / "tvshow.nfo").exists():
            _create(target, notes, root=self.path)

    def add_pictures(
        self, playlist: Listing | None, of_item: Path | None, *, season: int | None, fetch: FetchPicture
    ) -> None:
        """Give the show its poster and the season its own, of the list's picture or else of the item's."""
        if self.artwork is Artwork.NONE:
            return
        main = "cover" if self.artwork is Artwork.ALBUM else "poster"
        poster = _existing(self.path, main) or self._first_poster(main, playlist, of_item, fetch)
        if poster is not None and self.season is not None and season is not None:
            self._add_season_poster(poster, season)
        backdrop = _picture_of(playlist, "banner")
        if backdrop and self.artwork is not Artwork.ALBUM and not _existing(self.path, "fanart"):
            self._store("fanart", fetch(backdrop))

    def _first_poster(
        self, name: str, playlist: Listing | None, of_item: Path | None, fetch: FetchPicture
    ) -> Path | None:
        url = _picture_of(playlist, "avatar") or _best_picture_of(playlist)
        stored = self._store(name, fetch(url)) if url else None
        if stored is None and of_item is not None and of_item.is_file():
            stored = self.path / f"{name}{of_item.suffix.lower()}"
            _create(stored, of_item.read_bytes(), root=self.path)
        return stored

    def _store(self, name: str, picture: tuple[bytes, str] | None) -> Path | None:
        if picture is None:
            return None
        content, extension = picture
        target = self.path / f"{name}.{extension}"
        _create(target, content, root=self.path)
        return target

    def _add_season_poster(self, poster: Path, season: int) -> None:
        assert self.season is not None  # noqa: S101 - the caller asked
        folder, name = self.path, f"season{season:02d}-poster"
        if self.artwork is Artwork.PLEX:
            folder, name = self.season, f"Season{season:02d}"
        if not _existing(folder, name):
            _create(folder / f"{name}{poster.suffix}", poster.read_bytes(), root=self.path)


def _existing(folder: Path, name: str) -> Path | None:
    found = (folder / f"{name}.{extension}" for extension in _EXTENSIONS)
    return next((path for path in found if path.exists()), None)


def _picture_of(playlist: Listing | None, kind: str) -> str | None:
    """Return the largest picture of this kind, which yt-dlp names in a picture's id."""
    offered = playlist.thumbnails if playlist else ()
    return next((p.url for p in reversed(offered) if p.id and kind in p.id), None)


def _best_picture_of(playlist: Listing | None) -> str | None:
    offered = playlist.thumbnails if playlist else ()
    return next((p.url for p in reversed(offered) if not (p.id and "banner" in p.id)), None)


def _create(target: Path, content: bytes, *, root: Path) -> None:
    """Write a whole new file; if another worker was quicker, or a person has one there, theirs stays."""
    confined(target, root)
    scratch = target.with_name(f".{target.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        scratch.write_bytes(content)
        with contextlib.suppress(FileExistsError):
            _place(scratch, target)
    finally:
        scratch.unlink(missing_ok=True)


def _place(scratch: Path, target: Path) -> None:
    try:
        os.link(scratch, target)
    except FileExistsError:
        raise
    except OSError:  # no hard links here (exFAT, some network shares)
        if not os.path.lexists(target):
            shutil.copyfile(scratch, target)

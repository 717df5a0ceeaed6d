"""Which files lie in the library for an item: the media file and what carries its name."""

from __future__ import annotations

import os
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Final

from vidra.errors import PathRefused
from vidra.media.extensions import (
    IMAGE_EXTENSIONS,
    MEDIA_EXTENSIONS,
    NOTE_EXTENSIONS,
    SUBTITLE_EXTENSIONS,
    check_library_extension,
)
from vidra.media.naming import confined


def _any_of(extensions: Iterable[str]) -> str:
    return "(?:" + "|".join(re.escape(extension) for extension in sorted(extensions)) + ")"


_SIDECAR: Final = re.compile(
    rf"(?i)(?:(?:-thumb)?\.{_any_of(IMAGE_EXTENSIONS - {'gif'})}|\.{_any_of(NOTE_EXTENSIONS)}"
    rf"|(?:\.[a-z]{{2,3}}(?:[-_][a-z0-9]+)*)?(?:\.(?:forced|sdh|cc|default))?\.{_any_of(SUBTITLE_EXTENSIONS)})\Z"
)
"""What follows the stem in the name of a sidecar: `.nfo`, `.info.json`, `-thumb.jpg`, `.en.vtt`."""
_SEASON: Final = re.compile(r"(?i)season \d+\Z")
_SEASON_POSTER: Final = re.compile(r"(?i)season\d+(?:-poster)?\.(?:jpe?g|png|webp)\Z")


def sidecars_of(media: Path) -> list[Path]:
    """Return the plain files beside the media file that bear its name; those of `name. Part 2` are not its.

    Empty if there is no such folder.
    """
    try:
        with os.scandir(media.parent) as found:
            names = sorted(one.name for one in found if one.is_file(follow_symlinks=False))
    except (FileNotFoundError, NotADirectoryError):
        return []
    near = [name for name in names if name.startswith(media.stem) and name != media.name]
    rivals = [name.rpartition(".")[0] for name in near if _is_media(name)]
    return [
        media.with_name(name)
        for name in near
        if _SIDECAR.match(name[len(media.stem) :]) and not any(name.startswith(rival) for rival in rivals)
    ]


def removable(file: Path, roots: Iterable[Path]) -> Path:
    """Return the root that the file lies below. Raises PathRefused for all that must never be removed.

    Refused: what is outside all roots with links followed, links themselves, folders and other things
    that are no plain file, and kinds of files that never enter a library. A file that is gone is none.
    """
    if ".." in file.parts or not file.is_absolute():
        raise PathRefused(file, None, "expected an absolute path without `..`")
    check_library_extension(file.name)
    if file.is_symlink():
        raise PathRefused(file, None, "it is a link")
    if file.exists() and not file.is_file():
        raise PathRefused(file, None, "it is no plain file")
    homes = [root for root in roots if _is_below(file, root)]
    if not homes:
        raise PathRefused(file, None, "it is below none of the library's roots")
    return max(homes, key=lambda root: len(root.resolve().parts))


def sweep(folder: Path, roots: Iterable[Path]) -> list[Path]:
    """Remove the folder and those above it while they are empty; return the removed ones, deepest first.

    A season's folder in which only its poster is left counts as empty. Roots stay, and so do links.
    """
    ends = {root.resolve() for root in roots}
    gone: list[Path] = []
    current = folder.resolve()
    while current not in ends and any(current.is_relative_to(end) for end in ends):
        try:
            if _SEASON.match(current.name):
                _drop_posters(current)
            current.rmdir()
        except FileNotFoundError:
            pass  # somebody was quicker; the folder above may be empty now
        except OSError:
            break  # not empty, or not ours to remove
        else:
            gone.append(current)
        current = current.parent
    return gone


def _drop_posters(season: Path) -> None:
    left = list(season.iterdir())
    if all(_SEASON_POSTER.match(file.name) and file.is_file() and not file.is_symlink() for file in left):
        for file in left:
            file.unlink(missing_ok=True)


def _is_media(name: str) -> bool:
    return name.rpartition(".")[2].lower() in MEDIA_EXTENSIONS - {"gif"}


def _is_below(file: Path, root: Path) -> bool:
    try:
        confined(file.parent.resolve() / file.name, root.resolve())
    except PathRefused:
        return False
    return True

"""Tells whether a file in the library is the very video that is about to be downloaded."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from vidra.media.components import clean_component
from vidra.media.entries import stands_in_for_any_site
from vidra.media.nfo import read_unique_id

_LARGEST_NOTES = 64 * 1024 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """What makes a video this one and no other."""

    id: str
    extractor: str | None
    page: str | None
    """Address of its page."""

    @classmethod
    def of(cls, info: Mapping[str, Any]) -> Identity:
        """Read it from an info dict."""
        extractor = info.get("extractor_key") or info.get("extractor")
        return cls(
            id=str(info.get("id")),
            extractor=str(extractor).lower() if extractor else None,
            page=info.get("webpage_url"),
        )

    def owns(self, media: Path) -> bool:
        """Whether an existing media file is this video: by info JSON or NFO beside it, else its `[id]`.

        An id that was made from the address says nothing by itself, so then only the info JSON counts.
        """
        notes = _notes_of(media)
        if notes is not None:
            return Identity.of(notes) == self
        if (unique := _unique_id_of(media)) is not None:
            return unique == (self.extractor or "vidra", self.id)
        return not stands_in_for_any_site(self.extractor) and f"[{clean_component(self.id)}]" in media.stem


def _unique_id_of(media: Path) -> tuple[str, str] | None:
    path = f"{os.path.splitext(media)[0]}.nfo"  # noqa: PTH122 - asked of every file of a day, for each new one
    try:
        found = os.stat(path)  # noqa: PTH116 - as above
        return _unique_id_in(path, found.st_mtime_ns, found.st_size)
    except OSError:
        return None


@lru_cache(maxsize=4096)
def _unique_id_in(path: str, changed: int, size: int) -> tuple[str, str] | None:
    """Return the id in the file as it is at that time; a day of many items is not read anew for each."""
    del changed, size
    return read_unique_id(Path(path).read_bytes())


def _notes_of(media: Path) -> dict[str, Any] | None:
    notes = f"{os.path.splitext(media)[0]}.info.json"  # noqa: PTH122 - as below
    try:
        if os.stat(notes).st_size > _LARGEST_NOTES:  # noqa: PTH116 - as below
            return None
        read = json.loads(Path(notes).read_bytes())
    except (OSError, ValueError):
        return None
    return read if isinstance(read, dict) else None

"""Notices that a file changed on its server between two attempts, before two halves become one file.

What the server says about a file (ETag, Last-Modified, size) is kept beside its `.part`.
"""

from __future__ import annotations

import glob
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path


@dataclass(frozen=True, kw_only=True, slots=True)
class Validators:
    """What identifies one edition of a file, as far as its server says."""

    etag: str | None = None
    modified: str | None = None
    size: int | None = None
    """Bytes of the whole file."""

    @classmethod
    def of(cls, headers: Mapping[str, str | None]) -> Validators:
        """Read them from the headers of a whole or a partial response."""
        total = re.fullmatch(r"bytes [\d-]+/(\d+)", headers.get("Content-Range") or "")
        length = total[1] if total else headers.get("Content-Length") or ""
        if headers.get("Content-Encoding"):
            length = ""
        return cls(
            etag=headers.get("ETag"),
            modified=headers.get("Last-Modified"),
            size=int(length) if length.isdigit() else None,
        )

    def contradict(self, other: Validators) -> bool:
        """Whether these two cannot be about the same bytes."""
        if None not in (self.size, other.size) and self.size != other.size:
            return True
        if self.etag and other.etag:
            return self.etag != other.etag
        return bool(self.modified and other.modified and self.modified != other.modified)


@dataclass(frozen=True, slots=True)
class Origin:
    """The record beside one `.part`."""

    part: Path

    @property
    def _record(self) -> Path:
        return self.part.with_name(f"{self.part.name}.origin")

    def begin(self, seen: Validators) -> None:
        """Keep what the server said; call before the first byte is written.

        If a half-finished list of fragments came from another edition of its manifest, it is dropped.
        Manifests carry signed addresses, so their size says nothing.
        """
        kept = self.recall()
        if kept and replace(kept, size=None).contradict(replace(seen, size=None)):
            for leftover in (self.part, self.part.with_suffix(".ytdl")):
                leftover.unlink(missing_ok=True)
        self._record.write_text(json.dumps(asdict(seen)), encoding="utf-8")

    def drop_fragments(self) -> None:
        """Remove fragments that were on their way: nothing tells whether their halves would fit together."""
        for fragment in self.part.parent.glob(f"{glob.escape(self.part.name)}-Frag*"):
            fragment.unlink(missing_ok=True)

    def recall(self) -> Validators | None:
        """Return what was kept; None if nothing, or nothing readable, was."""
        try:
            return Validators(**json.loads(self._record.read_text(encoding="utf-8")))
        except (OSError, ValueError, TypeError):
            return None

    def continues(self, seen: Validators) -> bool:
        """Whether the `.part` begins what the server has now; a part of unknown origin does not."""
        kept = self.recall()
        return kept is not None and not kept.contradict(seen)

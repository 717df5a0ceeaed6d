"""One place with a site, a library and a session, in which a test downloads something for real."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.site import MediaSite
from vidra.media.addresses import NetworkPolicy
from vidra.media.interface import DownloadedMedia, LogLevel, MediaEntry, Progress, StopSignal
from vidra.media.options import MediaOptions, OptionLayer, Origin, resolve_options
from vidra.media.session import MediaSession


def options(**values: Any) -> MediaOptions:
    """Return the owner's options, resolved."""
    return resolve_options(OptionLayer(origin=Origin.OWNER, values=values))


@dataclass
class Studio:
    """A site, a library, a work folder, and what was said and reported."""

    site: MediaSite
    root: Path
    lines: list[tuple[LogLevel, str]] = field(default_factory=list)
    ticks: list[Progress] = field(default_factory=list)

    @property
    def library(self) -> Path:
        return self.root / "library"

    @property
    def work(self) -> Path:
        return self.root / "work"

    @contextlib.contextmanager
    def session(self, *, floor: int = 0, free: Any = None, **values: Any) -> Iterator[MediaSession]:
        """Open a session that may talk to loopback."""
        extra = {"free": free} if free else {}
        opened = MediaSession(
            options=options(**values),
            network=NetworkPolicy(allow_private=True),
            library=self.library,
            log=lambda level, text: self.lines.append((level, text)),
            free_space_floor=floor,
            **extra,
        )
        with opened:
            yield opened

    def entry(self, path: str) -> MediaEntry:
        """Return an entry for a page of the site, as if listed before."""
        return MediaEntry(key=f"test {path}", url=self.site.url(path))

    def download(self, path: str, *, stop: StopSignal | None = None, **values: Any) -> DownloadedMedia:
        """Download one page of the site with a session of its own."""
        with self.session(**values) as session:
            return session.download(
                self.entry(path), workdir=self.work, stop=stop, progress=self.ticks.append
            )

    def shelf(self) -> list[str]:
        """Return what is in the library, as relative paths."""
        return _files(self.library)

    def desk(self) -> list[str]:
        """Return what is in the work folder, locks left out."""
        return [name for name in _files(self.work) if not name.endswith(".lock")]

    def part(self) -> Path:
        """Return the one unfinished file."""
        (found,) = self.work.rglob("*.part")
        return found


def _files(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if path.is_file())

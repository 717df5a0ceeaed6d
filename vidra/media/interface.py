"""What the media room promises: value types that cross its door, and the stop signal handed in.

Nothing of yt-dlp passes this door: no info dicts, no exceptions, no `YoutubeDL`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum, unique
from pathlib import Path

from vidra.errors import Cancelled


@unique
class Stage(StrEnum):
    """What a job or an entry is doing; the capital names are the client contract's."""

    IDENTIFYING = "IDENTIFICANDO"
    WAITING_FOR_ENTRIES = "WAIT_FOR_ELEMENTS"
    WAITING_FOR_SELECTION = "WAIT_FOR_SELECTION"
    DOWNLOADING = "downloading"
    POSTPROCESSING = "postprocessing"
    VERIFYING = "verifying"
    COMPLETED = "COMPLETED"


@dataclass(frozen=True, kw_only=True, slots=True)
class Thumbnail:
    """One picture offered for an item."""

    url: str
    width: int | None = None
    height: int | None = None
    id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaEntry:
    """One thing that can be downloaded, as far as listing or extraction told."""

    key: str
    """Download archive key, `extractor id`, extractor in lower case; stable across runs.

    Extractors for any site have ids that mean nothing elsewhere (`default` of `…/default.mp3`), so
    their keys end in a digest that keeps two sites apart; `archive_key` is what yt-dlp would write.
    """
    url: str
    """Page or media URL, without yt-dlp's smuggled data."""
    index: int | None = None
    """1-based place in its list; None for a single item."""
    id: str | None = None
    title: str | None = None
    description: str | None = None
    duration: float | None = None
    """Seconds."""
    uploader: str | None = None
    uploader_id: str | None = None
    uploader_url: str | None = None
    channel: str | None = None
    channel_id: str | None = None
    channel_url: str | None = None
    upload_date: str | None = None
    """`YYYY-MM-DD`, UTC."""
    availability: str | None = None
    live_status: str | None = None
    view_count: int | None = None
    like_count: int | None = None
    extractor: str | None = None
    tags: tuple[str, ...] = ()
    thumbnails: tuple[Thumbnail, ...] = ()
    day_order: int | None = None
    """Its place among the entries of the list that were uploaded on the same day, the oldest first."""
    archive_key: str | None = None
    """The key yt-dlp itself would use, where it differs from `key`."""
    error: str | None = None
    """Why this entry cannot be downloaded, when the listing itself already said so."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Listing:
    """What a URL turned out to be: one item, or a list of them."""

    url: str
    is_playlist: bool
    entries: tuple[MediaEntry, ...]
    id: str | None = None
    title: str | None = None
    description: str | None = None
    uploader: str | None = None
    uploader_id: str | None = None
    uploader_url: str | None = None
    channel: str | None = None
    channel_id: str | None = None
    channel_url: str | None = None
    availability: str | None = None
    extractor: str | None = None
    thumbnails: tuple[Thumbnail, ...] = ()
    tags: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Progress:
    """One progress tick of one entry. Bytes and percent never fall while an entry is worked on."""

    stage: Stage
    stage_name: str
    """The stage in finer words: `downloading_fragments`, `merging` … (client contract, section 9)."""
    percent: float | None = None
    """0–100 over all streams of the entry."""
    stage_percent: float | None = None
    downloaded_bytes: int | None = None
    total_bytes: int | None = None
    speed: float | None = None
    """Bytes a second."""
    eta: int | None = None
    """Seconds."""
    elapsed: float | None = None
    """Seconds."""
    filename: str | None = None
    tmpfilename: str | None = None
    message: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class DownloadedMedia:
    """A verified download, already at its place in the library."""

    key: str
    title: str
    path: Path
    """The media file."""
    sidecars: tuple[Path, ...]
    """Info JSON, thumbnails, subtitles … that belong to it."""
    size: int
    """Bytes of the media file."""
    duration: float | None
    """Seconds, as measured in the file."""
    format: str | None
    """yt-dlp's format id(s), for the person reading the result."""
    entry: MediaEntry
    """The entry with everything the full extraction added."""
    reused: bool = False
    """True when the file was already there, whole and verified, and nothing was fetched."""


@unique
class LogLevel(StrEnum):
    """Levels of the lines yt-dlp and we write about a job."""

    DEBUG = "debug"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


ProgressSink = Callable[[Progress], None]
LogSink = Callable[[LogLevel, str], None]
Refusal = Callable[[MediaEntry], str | None]
"""Says why an item is not wanted, None if it is; asked before a byte of it is fetched."""


@dataclass(slots=True, eq=False)
class StopSignal:
    """Tells the threads that work on something to stop; set once, never cleared. Equal only to itself."""

    reason: str = "cancelled"
    _event: threading.Event = field(default_factory=threading.Event)
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _calls: list[Callable[[], None]] = field(default_factory=list)

    def set(self, reason: str = "cancelled") -> None:
        """Ask for the stop; the first reason wins."""
        with self._lock:
            if self._event.is_set():
                return
            self.reason = reason
            self._event.set()
            calls = list(self._calls)
        for call in calls:
            call()

    @contextmanager
    def calling(self, call: Callable[[], None]) -> Iterator[None]:
        """Have `call` called, once, if the stop is asked for inside the `with`; on any thread, and quick.

        It is what wakes a thread that sits in a socket or waits for a child process.
        """
        with self._lock:
            already = self._event.is_set()
            self._calls.append(call)
        try:
            if already:
                call()
            yield
        finally:
            with self._lock:
                self._calls.remove(call)

    @property
    def is_set(self) -> bool:
        """Whether somebody asked."""
        return self._event.is_set()

    def wait(self, seconds: float) -> bool:
        """Sleep that long or until asked to stop; return whether asked."""
        return self._event.wait(seconds)

    def raise_if_set(self) -> None:
        """Raise `Cancelled` with the reason if somebody asked."""
        if self._event.is_set():
            raise Cancelled(self.reason)

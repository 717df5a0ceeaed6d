"""The door of the media room: list an address, look at it, download from it.

A session wraps one `YoutubeDL`, which costs 80 ms to make; keep one for each worker thread.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self, TypeVar

from yt_dlp.utils import PlaylistEntries

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import Refused, VerificationFailed
from vidra.media.addresses import NetworkPolicy, check_url
from vidra.media.disk_space import FreeBytes, free_bytes
from vidra.media.download import PLAYLIST_TYPES, Download, Terms, shortens
from vidra.media.entries import failed_entry, to_entry, to_listing, what_the_link_says
from vidra.media.episodes import EpisodeBook, MemoryBook
from vidra.media.failures import Phase, Situation, classify
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.foreign import Foreign
from vidra.media.instance import STEM_FIELD, Attempt, Instance
from vidra.media.interface import (
    DownloadedMedia,
    Listing,
    LogLevel,
    LogSink,
    MediaEntry,
    Progress,
    ProgressSink,
    Refusal,
    StopSignal,
)
from vidra.media.interruption import Interrupter
from vidra.media.logs import SessionLog
from vidra.media.options.model import MediaOptions
from vidra.media.progress import ProgressMeter
from vidra.media.publisher import Publisher
from vidra.media.verification import check_media
from vidra.media.versions import check_yt_dlp
from vidra.media.workspace import Workspace

T = TypeVar("T")
READ_KEPT: Final = 60.0
"""Seconds for which what the listing read of a single item's page is good for downloading it: media
addresses expire, and mostly a download follows its listing at once."""
_PlaylistEntries: Foreign = PlaylistEntries

MOST_HOPS: Final = 5
"""Links from one extractor to the next that a listing follows."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JustRead:
    """What a listing read of a single item's page, unprocessed."""

    info: dict[str, Any]
    at: float
    key: str

    def page_of(self, entry: MediaEntry, clock: Clock) -> dict[str, Any] | None:
        """Return it if it is fresh and of this entry."""
        fresh = clock.monotonic() - self.at < READ_KEPT
        return self.info if fresh and self.key == entry.key else None


def _no_progress(_: Progress) -> None:
    """Take a tick and do nothing."""


def _no_log(_: LogLevel, __: str) -> None:
    """Take a line and do nothing."""


class MediaSession:
    """Lists and downloads with one set of options. Not safe between threads, except `StopSignal.set`.

    All methods raise our errors only: TryLater, Refused, Missing, MediaError and its kin, UrlRefused,
    OptionRefused, PathRefused, and Cancelled when the stop signal was set.
    """

    is_over: Final = False
    """It can be used as long as it is not closed."""

    def __init__(
        self,
        *,
        options: MediaOptions,
        network: NetworkPolicy,
        library: Path,
        log: LogSink = _no_log,
        ffmpeg: Path | None = None,
        free_space_floor: int = 0,
        clock: Clock = SYSTEM_CLOCK,
        free: FreeBytes = free_bytes,
        book: EpisodeBook | None = None,
    ) -> None:
        """Open a session. `library` is the root that downloads go into unless the options name a home.

        `book` gives episodes their numbers; without one they are remembered as long as the session.

        Raises ConfigError if yt-dlp is older than the oldest safe one.
        `ffmpeg` is found by itself when not given; `free_space_floor` is in bytes.
        """
        check_yt_dlp()
        self._options, self._network, self._clock = options, network, clock
        self._just_read: JustRead | None = None
        self._interrupter = Interrupter()
        found = ffmpeg or find_ffmpeg()
        home = options.home or library
        publisher = Publisher(
            publication=options.publication, home=home, book=book or MemoryBook(), clock=clock
        )
        self._terms = Terms(
            options=options,
            home=home,
            publisher=publisher,
            ffmpeg=found,
            floor=free_space_floor,
            free=free,
        )
        params = _params(options, SessionLog(log), found)
        self._pauses = (params.pop("sleep_interval", None), params.pop("max_sleep_interval", None))
        self._ydl = Instance(params, network=network, interrupter=self._interrupter)
        for note in options.notes:
            log(LogLevel.WARNING, note)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close connections; the session cannot be used afterwards."""
        self._ydl.close()

    def list(self, url: str, *, stop: StopSignal | None = None) -> Listing:
        """Return what the address names: one item, or a list of items, cheaply and without their formats.

        Entries that the options' `playlist_items` or filters leave out are not in it. An entry the list
        cannot read is an entry with `error`.
        """
        check_url(url, self._network, resolver=None)
        return self._attempt(url, Attempt(stop=stop or StopSignal()), lambda: self._list(url))

    def extract(self, url: str, *, stop: StopSignal | None = None) -> MediaEntry:
        """Return everything the page of one item says about it; a format must be available."""
        check_url(url, self._network, resolver=None)

        def work() -> MediaEntry:
            info: Foreign = self._ydl.extract_info(url, download=False)
            if info.get("_type") in PLAYLIST_TYPES:
                raise Refused(f"this address names a list, not one item: {url}", url=url)
            return to_entry(info, asked=url)

        return self._attempt(url, Attempt(stop=stop or StopSignal()), work)

    def download(
        self,
        entry: MediaEntry,
        *,
        workdir: Path,
        stop: StopSignal | None = None,
        progress: ProgressSink = _no_progress,
        playlist: Listing | None = None,
        existing: Path | None = None,
        refusal: Refusal | None = None,
    ) -> DownloadedMedia:
        """Download an entry into the library and return it, verified.

        Unfinished files live in a folder of the entry's own below `workdir`; what a failed or stopped
        attempt left there is resumed by the next one, unless it proved to be wrong. `playlist` gives
        templates their `playlist_…` fields. `existing` is where an earlier download of this key went:
        if it is still there and sound, nothing is fetched. `refusal` is asked once the page is known;
        what it refuses raises `LeftOut`.
        """
        stop = stop or StopSignal()
        stop.raise_if_set()
        meter = ProgressMeter(progress, clock=self._clock)
        if existing and (known := self._still_there(entry, existing)):
            meter.finish(str(known.path))
            return known
        workspace = Workspace.of(workdir, entry.key)
        with workspace.held():
            try:
                done = self._download(entry, workspace, Attempt(stop=stop, meter=meter), playlist, refusal)
            except VerificationFailed:
                workspace.discard()
                raise
            workspace.discard()
        return done

    def _download(
        self,
        entry: MediaEntry,
        workspace: Workspace,
        attempt: Attempt,
        playlist: Listing | None,
        refusal: Refusal | None,
    ) -> DownloadedMedia:
        """Try, and once more with a fresh extraction if the file's address has lost its validity."""

        def work() -> DownloadedMedia:
            assert attempt.meter is not None  # noqa: S101 - set by the only caller
            just_read, self._just_read = self._just_read, None  # once: a retry needs fresh addresses
            return Download(
                terms=self._terms,
                ydl=self._ydl,
                entry=entry,
                workspace=workspace,
                meter=attempt.meter,
                playlist=playlist,
                refusal=refusal,
                page=just_read.page_of(entry, self._clock) if just_read else None,
            ).run()

        self._pause(attempt.stop)
        try:
            return self._attempt(entry.url, attempt, work, folder=workspace.folder)
        except Refused as refused:
            if refused.status != 403 or attempt.phase is not Phase.DOWNLOADING:
                raise
            self._ydl.to_screen("[download] The file was refused (403): extracting its address anew")
        attempt = Attempt(stop=attempt.stop, meter=attempt.meter)
        return self._attempt(entry.url, attempt, work, folder=workspace.folder)

    def _attempt(self, url: str, attempt: Attempt, work: Callable[[], T], *, folder: Path | None = None) -> T:
        """Run yt-dlp so that it can be stopped, and translate what it raises."""
        self._ydl.attempt = attempt
        attempt.stop.raise_if_set()
        # Watching first: it forgets an earlier interruption, and must not forget one that comes just now.
        with self._interrupter.watching(), attempt.stop.calling(self._interrupter.interrupt):
            try:
                return work()
            except Exception as error:
                situation = Situation(
                    url=url,
                    phase=attempt.phase,
                    extractor=attempt.extractor or self._ydl.extractor_at_work,
                    folder=folder or Path(),
                    stopped=attempt.stop.reason if attempt.stop.is_set else None,
                    last_status=attempt.last_status,
                    clock=self._clock,
                )
                meaning = classify(error, situation)
                if meaning is error:
                    raise
                raise meaning from error

    def _list(self, url: str) -> Listing:
        info: Foreign = self._ydl.extract_info(url, download=False, process=False)
        for _ in range(MOST_HOPS):
            if info.get("_type") not in {"url", "url_transparent"}:
                break
            found = self._ydl.extract_info(
                info["url"], ie_key=info.get("ie_key"), download=False, process=False
            )
            info = {**found, **what_the_link_says(info)}
        if info.get("_type") not in PLAYLIST_TYPES:
            entry = to_entry(info, asked=url)
            if info.get("_type", "video") == "video":
                self._just_read = JustRead(info=info, at=self._clock.monotonic(), key=entry.key)
            return Listing(
                url=url,
                is_playlist=False,
                entries=(entry,),
                id=entry.id,
                title=entry.title,
                extractor=entry.extractor,
            )
        entries = tuple(self._entries(info, url))
        if self._options.shuffle:
            entries = tuple(random.sample(entries, len(entries)))
        return to_listing(info, entries[::-1] if self._options.reverse else entries, url=url)

    def _entries(self, info: dict[str, Any], url: str) -> Iterator[MediaEntry]:
        """Yield entries one by one, so that a long list is never held as info dicts."""
        seen: set[str] = set()
        for index, child in _PlaylistEntries(self._ydl, info).get_requested_items():
            self._ydl.attempt.stop.raise_if_set()
            if not child:
                yield failed_entry(index, url=url, reason="the list could not read this entry")
                continue
            if self._ydl.is_filtered(child):
                continue
            is_link = child.get("_type") in {"url", "url_transparent"}
            entry = to_entry(child, index=index, listed_at=url, asked=None if is_link else url)
            if entry.key not in seen:
                seen.add(entry.key)
                yield entry

    def _still_there(self, entry: MediaEntry, path: Path) -> DownloadedMedia | None:
        """Return the earlier download if its file is there and sound."""
        if not path.is_file():
            return None
        try:
            length = None if shortens(self._options) else entry.duration
            contents = check_media(path, duration=length, wants_video=None, ffmpeg=self._terms.ffmpeg)
        except VerificationFailed:
            return None
        return DownloadedMedia(
            key=entry.key,
            title=entry.title or path.stem,
            path=path,
            sidecars=(),
            size=path.stat().st_size,
            duration=contents.duration,
            format=None,
            entry=entry,
            reused=True,
        )

    def _pause(self, stop: StopSignal) -> None:
        """Wait as long as the options' sleep interval says; yt-dlp's own sleep could not be stopped."""
        least, most = self._pauses
        if least:
            stop.wait(random.uniform(least, max(least, most or least)))  # noqa: S311 - jitter


def _params(options: MediaOptions, log: SessionLog, ffmpeg: Path | None) -> dict[str, Any]:
    return {
        **options.ydl_params,
        "logger": log,
        "noprogress": True,
        "quiet": True,
        "outtmpl": {
            "default": f"%({STEM_FIELD})s.%(ext)s",
            "chapter": f"%({STEM_FIELD})s.%(section_number)03d.%(ext)s",
        },
        "ffmpeg_location": str(ffmpeg) if ffmpeg else None,
        "continuedl": True,
        "overwrites": False,
        "allow_playlist_files": False,
        "color": {"stdout": "never", "stderr": "never"},
    }

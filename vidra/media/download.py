"""One entry from its page to its place in the library."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from yt_dlp.utils import smuggle_url

from vidra.errors import LeftOut, MediaError, VerificationFailed
from vidra.media.delivery import Destination, deliver
from vidra.media.disk_space import FreeBytes, check_room, expected_bytes
from vidra.media.entries import to_entry
from vidra.media.extensions import check_media_extension
from vidra.media.foreign import Foreign
from vidra.media.identity import Identity
from vidra.media.instance import STEM_FIELD, Instance
from vidra.media.interface import DownloadedMedia, Listing, MediaEntry, Refusal, Stage
from vidra.media.mp4 import Contents
from vidra.media.naming import media_named_like, render_target, unique_target
from vidra.media.options.model import MediaOptions
from vidra.media.pictures import fetch_picture
from vidra.media.progress import ProgressMeter
from vidra.media.publisher import Publisher, Shelf
from vidra.media.verification import check_media
from vidra.media.workspace import Workspace, stem_for

PLAYLIST_TYPES: Final = frozenset({"playlist", "multi_video"})


def shortens(options: MediaOptions) -> bool:
    """Whether these options cut pieces out of what they download."""
    steps = options.ydl_params.get("postprocessors") or ()
    return any(step.get("remove_sponsor_segments") for step in steps)


class AlreadyThereError(Exception):
    """The library has this very video, whole; raised to leave yt-dlp before it fetches anything."""

    def __init__(self, path: Path, info: dict[str, Any], contents: Contents) -> None:
        self.path, self.info, self.contents = path, info, contents
        super().__init__(str(path))


@dataclass(frozen=True, kw_only=True, slots=True)
class Terms:
    """What holds for every download of a session."""

    options: MediaOptions
    home: Path
    """Folder that output templates are relative to and must not leave."""
    ffmpeg: Path | None
    publisher: Publisher
    floor: int
    """Bytes to keep free."""
    free: FreeBytes


@dataclass(kw_only=True)
class Download:
    """One attempt to download one entry in its workspace."""

    terms: Terms
    ydl: Instance
    entry: MediaEntry
    workspace: Workspace
    meter: ProgressMeter
    playlist: Listing | None = None
    refusal: Refusal | None = None
    """Says why the entry is not wanted after all, now that its page is known."""
    page: dict[str, Any] | None = None
    """What was read of the entry's page a moment ago; it is not asked for again then."""
    _destination: Destination | None = field(default=None, init=False)

    def run(self) -> DownloadedMedia:
        """Extract, download, verify, deliver; raises whatever yt-dlp raises, and our own errors."""
        self.meter.enter(Stage.IDENTIFYING, "extracting_info")
        self.ydl.params["paths"] = {"home": str(self.workspace.folder)}
        self.ydl.attempt.on_chosen, self.ydl.attempt.on_size = self._chosen, self._check_room
        try:
            self.ydl.process_ie_result(self._extracted(), download=True, extra_info=self._context())
        except AlreadyThereError as there:
            return self._reused(there)
        finished = self.ydl.attempt.finished
        if not finished:
            raise MediaError("nothing was downloaded: the job's own filters leave this entry out")
        results = [self._verified_and_delivered(info) for info in finished]
        return results[-1]

    def _extracted(self) -> dict[str, Any]:
        """Return what yt-dlp is to process: the very entry, where its page holds several."""
        if self.page is not None:
            return self.page
        if self._knows_more_than_its_page():
            return self._transparent()
        info: Foreign = self.ydl.extract_info(self.entry.url, download=False, process=False)
        return self._of_several(info) if info.get("_type") in PLAYLIST_TYPES else info

    def _knows_more_than_its_page(self) -> bool:
        """Tell a feed's entries: they have titles and ids, and often link to bare files."""
        return (
            self.entry.index is not None
            and self.entry.extractor in {None, "generic"}
            and bool(self.entry.title)
        )

    def _transparent(self) -> dict[str, Any]:
        url = (
            smuggle_url(self.entry.url, {"force_videoid": self.entry.id}) if self.entry.id else self.entry.url
        )
        forced = {"title": self.entry.title, "description": self.entry.description}
        return {"_type": "url_transparent", "url": url, **{k: v for k, v in forced.items() if v}}

    def _of_several(self, info: dict[str, Any]) -> dict[str, Any]:
        """Return the child with the entry's id, else the one at its place, else the first."""
        children = [child for child in info.get("entries") or () if child]
        by_id = [child for child in children if self.entry.id and str(child.get("id")) == self.entry.id]
        place = (self.entry.index or 1) - 1
        chosen = by_id or children[place : place + 1] or children[:1]
        if not chosen:
            raise MediaError(f"the page lists nothing to download: {self.entry.url}")
        child: dict[str, Any] = {**chosen[0]}
        for name in ("extractor", "extractor_key", "webpage_url", "original_url"):
            if name in info:
                child.setdefault(name, info[name])
        return child

    def _context(self) -> dict[str, Any]:
        """Return the fields that output templates and info JSON have about the list."""
        facts: dict[str, Any] = {"playlist_index": self.entry.index}
        if self.playlist:
            facts |= {
                "playlist": self.playlist.title or self.playlist.id,
                "playlist_title": self.playlist.title,
                "playlist_id": self.playlist.id,
                "playlist_uploader": self.playlist.uploader,
                "playlist_uploader_id": self.playlist.uploader_id,
                "playlist_channel": self.playlist.channel,
                "playlist_channel_id": self.playlist.channel_id,
                "n_entries": len(self.playlist.entries),
            }
        return {name: value for name, value in facts.items() if value is not None}

    def _chosen(self, info: dict[str, Any]) -> None:
        """Decide, now that format and metadata are known, where the file goes and whether it fits."""
        check_media_extension(str(info.get("ext")))
        self._fill_in(info)
        self._raise_if_unwanted(info)
        self._publish(info)
        destination = self._place_for(info)
        if not self.terms.options.overwrite:
            self._raise_if_there(destination, info)
        self._destination = destination
        self._check_room(expected_bytes(info))
        streams = info.get("requested_formats") or [info]
        self.meter.plan({str(s.get("format_id")): s.get("filesize") for s in streams})
        info[STEM_FIELD] = stem_for(info.get("format_id"))

    def _raise_if_unwanted(self, info: Mapping[str, Any]) -> None:
        found = to_entry(info, index=self.entry.index, asked=self.entry.url)
        reason = self.refusal(_renamed(found, self.entry)) if self.refusal else None
        if reason is not None:
            raise LeftOut(reason)

    def _check_room(self, expected: int | None) -> None:
        assert self._destination is not None  # noqa: S101 - chosen before anything is fetched
        check_room(
            work=self.workspace.folder,
            target=self._destination.target,
            expected=expected,
            present=self.workspace.bytes_present(),
            floor=self.terms.floor,
            free=self.terms.free,
        )

    def _fill_in(self, info: dict[str, Any]) -> None:
        """Add what only the list knew."""
        if self.entry.upload_date:
            info.setdefault("upload_date", self.entry.upload_date.replace("-", ""))
        for name in ("duration", "uploader", "uploader_id", "channel", "channel_id"):
            if info.get(name) is None and getattr(self.entry, name) is not None:
                info[name] = getattr(self.entry, name)

    def _publish(self, info: dict[str, Any]) -> None:
        """Add what the layout makes of the item."""
        shelf = Shelf(place=self._target_of, owns=Identity.of(info).owns)
        self.terms.publisher.fill_in(info, self.entry, self.playlist, shelf)

    def _target_of(self, info: Mapping[str, Any]) -> Path:
        template = self.terms.options.output_template
        return render_target(template, info, root=self.terms.home, ext=str(info["ext"]))

    def _place_for(self, info: Mapping[str, Any]) -> Destination:
        identity = Identity.of(info)
        target = self._target_of(info)
        return Destination(target=target, root=self.terms.home, media_id=identity.id, is_same=identity.owns)

    def _raise_if_there(self, destination: Destination, info: dict[str, Any]) -> None:
        name = unique_target(destination.target, media_id=destination.media_id, is_same=destination.is_same)
        for path in media_named_like(name.parent, name.stem):
            if path.is_file() and destination.is_same(path):
                try:
                    contents = self._sound(path, info)
                except VerificationFailed:
                    return  # a torn file of an earlier life: it will be replaced
                raise AlreadyThereError(path, info, contents)

    def _sound(self, path: Path, info: Mapping[str, Any]) -> Contents:
        has_picture = info.get("vcodec") not in {None, "none"} and not self.terms.options.is_audio
        return check_media(
            path,
            duration=None if self._is_cut(info) else info.get("duration"),
            wants_video=has_picture or None,
            ffmpeg=self.terms.ffmpeg,
        )

    def _is_cut(self, info: Mapping[str, Any]) -> bool:
        """Whether the announced length is not the length that was asked for."""
        return (
            shortens(self.terms.options)
            or info.get("section_start") is not None
            or info.get("section_end") is not None
            or bool(info.get("is_live"))
        )

    def _verified_and_delivered(self, info: dict[str, Any]) -> DownloadedMedia:
        media = Path(info["filepath"])
        self.meter.enter(Stage.VERIFYING, "verifying")
        contents = self._sound(media, info)
        self.ydl.attempt.stop.raise_if_set()
        assert self._destination is not None  # noqa: S101 - `_chosen` ran, or nothing would have been downloaded
        publisher = self.terms.publisher
        publisher.write_notes(info, media)
        delivery = deliver(media, self.workspace.produced(media), self._destination)
        sidecars = publisher.furnish(info, delivery.media, delivery.sidecars, self.playlist, self._picture)
        self.meter.finish(str(delivery.media))
        return self._result(info, delivery.media, contents, sidecars=sidecars, reused=False)

    def _picture(self, url: str) -> tuple[bytes, str] | None:
        return fetch_picture(self.ydl, url)

    def _reused(self, there: AlreadyThereError) -> DownloadedMedia:
        self.meter.finish(str(there.path))
        return self._result(there.info, there.path, there.contents, sidecars=(), reused=True)

    def _result(
        self,
        info: Mapping[str, Any],
        path: Path,
        contents: Contents,
        *,
        sidecars: tuple[Path, ...],
        reused: bool,
    ) -> DownloadedMedia:
        found = to_entry(info, index=self.entry.index, asked=self.entry.url)
        return DownloadedMedia(
            key=self.entry.key,
            title=str(info.get("title") or self.entry.title or path.stem),
            path=path,
            sidecars=sidecars,
            size=path.stat().st_size,
            duration=contents.duration,
            format=info.get("format_id"),
            entry=_renamed(found, self.entry),
            reused=reused,
        )


def _renamed(found: MediaEntry, listed: MediaEntry) -> MediaEntry:
    """Return what was found under the key the list gave it, so that records keep matching."""
    archive_key = listed.archive_key or found.archive_key
    return replace(found, key=listed.key, archive_key=archive_key if archive_key != listed.key else None)

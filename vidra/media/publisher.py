"""Makes a download what its output preset promises: numbers and tags, notes, pictures, the show's folder."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from pathlib import Path
from typing import Any, Final, assert_never

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.media.components import clean_component, cut_bytes
from vidra.media.episodes import EpisodeBook, MemoryBook, on_shelf
from vidra.media.extensions import IMAGE_EXTENSIONS
from vidra.media.interface import Listing, MediaEntry
from vidra.media.nfo import EpisodeNotes, ShowNotes, episode_nfo, show_nfo
from vidra.media.publication import Artwork, Layout, NfoStyle, Numbers, Publication
from vidra.media.show_folder import FetchPicture, ShowFolder

Info = dict[str, Any]

LONGEST_SHOW: Final = 90
"""Bytes: with the show in front, numbers and a good part of the title still fit into one name."""
_LARGEST_NUMBER_IN_MP4: Final = 255
"""ffmpeg writes these two tags of MP4 files in one byte: 2024 would become 232. Names and notes have them."""
_CHANNEL_TAB = re.compile(r" - (?:Videos|Shorts|Live|Podcasts|Releases)$")
_NEEDED = 1  # a placeholder that puts a file into the folder its number will put it into


@dataclass(frozen=True, kw_only=True, slots=True)
class Shelf:
    """How the library is asked about an item: where it would go, and whether a file is this very item."""

    place: Callable[[Info], Path]
    owns: Callable[[Path], bool]


@dataclass(kw_only=True)
class Publisher:
    """Does for a session what its options' `Publication` says. Safe to use from several sessions at once."""

    publication: Publication
    home: Path
    book: EpisodeBook = field(default_factory=MemoryBook)
    clock: Clock = SYSTEM_CLOCK

    def fill_in(self, info: Info, entry: MediaEntry, playlist: Listing | None, shelf: Shelf) -> None:
        """Add the fields that names and tags of this layout are made of."""
        if self.publication.layout is not Layout.PLAIN:
            # What a feed smuggles into its addresses is nobody's business.
            info |= {"meta_purl": entry.url, "meta_comment": entry.url}
        match self.publication.layout:
            case Layout.PLAIN:
                return
            case Layout.TV:
                self._as_episode(info, entry, playlist, shelf)
            case Layout.PODCAST:
                show = self._show(info, playlist)
                info |= {"series": show, "album": show, "album_artist": show, "genre": "Podcast"}
            case Layout.MUSIC:
                artist = _first(info, "artist", "creator", "channel", "uploader") or "Unknown artist"
                album = info.get("album") or self.publication.show or (playlist and playlist.title)
                info |= {"artist": artist, "album": album or "Singles"}
                info.setdefault("album_artist", artist)
            case _:
                assert_never(self.publication.layout)

    def write_notes(self, info: Info, media: Path) -> None:
        """Put what belongs beside the finished file beside it, still in its workspace."""
        if self.publication.nfo is not NfoStyle.NONE:
            notes = episode_nfo(_episode_notes(info), basic_plane=self._basic_plane)
            media.with_name(f"{media.stem}.nfo").write_bytes(notes)
        if self.publication.artwork is Artwork.KODI:
            for picture in _pictures(media):
                picture.rename(picture.with_name(f"{media.stem}-thumb{picture.suffix}"))

    def furnish(
        self,
        info: Info,
        media: Path,
        sidecars: Sequence[Path],
        playlist: Listing | None,
        fetch: FetchPicture,
    ) -> tuple[Path, ...]:
        """Give the show's folder its own notes and pictures, once; return the sidecars that remain.

        Nothing is ever replaced: what a person put there stays.
        """
        pictures = [path for path in sidecars if path.suffix[1:].lower() in IMAGE_EXTENSIONS]
        folder = ShowFolder.of(media, self.home, artwork=self.publication.artwork)
        if folder is not None:
            if self.publication.nfo is not NfoStyle.NONE and self.publication.layout is not Layout.MUSIC:
                notes = show_nfo(_show_notes(info, playlist), basic_plane=self._basic_plane)
                folder.add_notes(notes)
            folder.add_pictures(
                playlist, pictures[0] if pictures else None, season=info.get("season_number"), fetch=fetch
            )
        if self.publication.artwork is not Artwork.ALBUM:
            return tuple(sidecars)
        for picture in pictures:
            picture.unlink(missing_ok=True)
        return tuple(path for path in sidecars if path not in pictures)

    @property
    def _basic_plane(self) -> bool:
        return self.publication.nfo is NfoStyle.KODI

    def _as_episode(self, info: Info, entry: MediaEntry, playlist: Listing | None, shelf: Shelf) -> None:
        by_site = self.publication.numbers is Numbers.SITE and _has_numbers(info)
        show = (info.get("series") if by_site else None) or self._show(info, playlist)
        info["series"] = show
        if not by_site:
            day = _day(info) or self.clock.now().date()
            info |= {"season_number": day.year, "episode_number": _NEEDED}
            # The page may know another day than the list; then the list's order says nothing.
            wanted = entry.day_order if entry.upload_date == day.isoformat() else None
            taken, own = on_shelf(shelf.place(info).parent, day, shelf.owns)
            slot = self.book.slot(
                clean_component(show).casefold(), entry.key,
                day=day, wanted=wanted, taken=taken, own=own,
            )  # fmt: skip
            info |= {"season_number": slot.season, "episode_number": slot.episode}
        if max(info["season_number"], info["episode_number"]) > _LARGEST_NUMBER_IN_MP4:
            info |= {"meta_season_number": "", "meta_episode_sort": ""}
        info["season"] = f"Season {info['season_number']}"
        info["episode"] = info.get("title") or info.get("episode")

    def _show(self, info: Info, playlist: Listing | None) -> str:
        listed = playlist.title if playlist else None
        title = self.publication.show or (_CHANNEL_TAB.sub("", listed) if listed else None)
        found = title or _first(info, "channel", "uploader", "webpage_url_domain", "extractor")
        return cut_bytes(found or "Unknown show", LONGEST_SHOW)


def _episode_notes(info: Info) -> EpisodeNotes:
    day, duration = _day(info), info.get("duration")
    return EpisodeNotes(
        title=str(info.get("title") or info.get("id")),
        show=info.get("series"),
        season=info.get("season_number"),
        episode=info.get("episode_number"),
        plot=info.get("description"),
        aired=day.isoformat() if day else None,
        minutes=max(1, round(duration / 60)) if duration else None,
        id=str(info["id"]) if info.get("id") else None,
        id_kind=str(info.get("extractor_key") or info.get("extractor") or "vidra").lower(),
        genres=tuple(str(genre) for genre in info.get("categories") or ()),
        studio=_first(info, "channel", "uploader"),
    )


def _show_notes(info: Info, playlist: Listing | None) -> ShowNotes:
    about = playlist
    return ShowNotes(
        title=str(info.get("series") or info.get("album") or info.get("title")),
        plot=about.description if about else None,
        id=(about.id if about else None) or info.get("channel_id") or info.get("uploader_id"),
        id_kind=str(info.get("extractor_key") or info.get("extractor") or "vidra").lower(),
        studio=_first(info, "channel", "uploader"),
        tags=about.tags if about else (),
    )


def _pictures(media: Path) -> list[Path]:
    candidates = (media.with_name(f"{media.stem}.{extension}") for extension in sorted(IMAGE_EXTENSIONS))
    return [path for path in candidates if path.is_file() and path != media]


def _has_numbers(info: Info) -> bool:
    return isinstance(info.get("season_number"), int) and isinstance(info.get("episode_number"), int)


def _day(info: Info) -> date | None:
    """Return the day it was published; None if nobody says."""
    for name in ("upload_date", "release_date"):
        try:
            return datetime.strptime(str(info.get(name)), "%Y%m%d").date()  # noqa: DTZ007 - a day, not a moment
        except ValueError:
            continue
    return None


def _first(info: Info, *names: str) -> str | None:
    return next((str(info[name]) for name in names if info.get(name)), None)

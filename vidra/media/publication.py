"""How a download is laid out for a media server: the choices behind the output presets."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any


@unique
class Layout(StrEnum):
    """What the items of a list are to a media server, and so which fields its names and tags have."""

    PLAIN = "plain"
    """Just files: nothing is added to what the site says."""
    TV = "tv"
    """Episodes of a show: season by year, episode by date and order of the day."""
    PODCAST = "podcast"
    """Episodes of an audio show: the show is album and album artist."""
    MUSIC = "music"
    """Tracks of an album by an artist."""


@unique
class NfoStyle(StrEnum):
    """Whose NFO files are written."""

    NONE = "none"
    STANDARD = "standard"
    """Kodi's grammar, which Jellyfin and Emby read too."""
    KODI = "kodi"
    """The same without characters beyond the basic plane, on which Kodi's older databases choke."""


@unique
class Artwork(StrEnum):
    """Under whose names pictures are kept."""

    NONE = "none"
    KODI = "kodi"
    """`-thumb.jpg`, `poster.jpg`, `season2024-poster.jpg`: Kodi, Jellyfin and Emby."""
    PLEX = "plex"
    """The episode's name, `poster.jpg`, `Season 2024/Season2024.jpg`: Plex."""
    ALBUM = "album"
    """One `cover.jpg` in the folder."""


@unique
class Numbers(StrEnum):
    """Where season and episode numbers come from."""

    DATE = "date"
    SITE = "site"
    """The site's own where it has both, else the date."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Publication:
    """The choices of one set of options."""

    layout: Layout = Layout.PLAIN
    nfo: NfoStyle = NfoStyle.NONE
    artwork: Artwork = Artwork.NONE
    numbers: Numbers = Numbers.DATE
    show: str | None = None
    """Title of the show; None takes that of the list, else the channel's, else the uploader's."""
    tmdb: str | None = None
    """What The Movie Database calls it, as `movie/603` or `tv/1396`; its words fill gaps in NFO files."""

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Publication:
        """Read the choices from merged options."""
        return cls(
            layout=Layout(values.get("layout") or Layout.PLAIN),
            nfo=NfoStyle(values.get("nfo") or NfoStyle.NONE),
            artwork=Artwork(values.get("artwork") or Artwork.NONE),
            numbers=Numbers(values.get("episode_numbers") or Numbers.DATE),
            show=values.get("show"),
            tmdb=values.get("tmdb"),
        )

"""NFO files: what Kodi, Jellyfin and Emby read about a show and its episodes.

Only elements that https://kodi.wiki/view/NFO_files/TV_shows and …/NFO_files/Episodes document are written.
"""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterable
from dataclasses import dataclass

# XML 1.0 allows tab, line feed, carriage return, and everything from the blank up but surrogates.
_FORBIDDEN = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\ud800-\udfff\ufffe\uffff]")
_BEYOND_BASIC = re.compile("[\U00010000-\U0010ffff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class EpisodeNotes:
    """What an episode's file says; None and empty fields are left out."""

    title: str
    show: str | None = None
    season: int | None = None
    episode: int | None = None
    plot: str | None = None
    aired: str | None = None
    """`YYYY-MM-DD`."""
    minutes: int | None = None
    id: str | None = None
    id_kind: str = "vidra"
    """Where the id comes from: yt-dlp's extractor, in lower case."""
    genres: tuple[str, ...] = ()
    studio: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ShowNotes:
    """What a show's file says; None and empty fields are left out."""

    title: str
    plot: str | None = None
    id: str | None = None
    id_kind: str = "vidra"
    studio: str | None = None
    tags: tuple[str, ...] = ()


def episode_nfo(notes: EpisodeNotes, *, basic_plane: bool = False) -> bytes:
    """Return the text of `<episode>.nfo`; `basic_plane` leaves out characters of four bytes."""
    return _document(
        "episodedetails",
        [
            ("title", notes.title),
            ("showtitle", notes.show),
            ("season", notes.season),
            ("episode", notes.episode),
            ("plot", notes.plot),
            ("runtime", notes.minutes),
            *(("genre", genre) for genre in notes.genres),
            ("aired", notes.aired),
            ("studio", notes.studio),
        ],
        identity=(notes.id_kind, notes.id),
        basic_plane=basic_plane,
    )


def show_nfo(notes: ShowNotes, *, basic_plane: bool = False) -> bytes:
    """Return the text of `tvshow.nfo`."""
    return _document(
        "tvshow",
        [
            ("title", notes.title),
            ("showtitle", notes.title),
            ("plot", notes.plot),
            *(("tag", tag) for tag in notes.tags),
            ("studio", notes.studio),
        ],
        identity=(notes.id_kind, notes.id),
        basic_plane=basic_plane,
    )


def read_unique_id(data: bytes) -> tuple[str, str] | None:
    """Return kind and value of the id in an NFO file of ours; None for any other file."""
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return None
    try:
        found = ET.fromstring(data).find("uniqueid")  # noqa: S314 - declarations were refused above
    except ET.ParseError:
        return None
    return None if found is None or not found.text else (found.get("type", ""), found.text)


def _document(
    root: str,
    fields: Iterable[tuple[str, str | int | None]],
    *,
    identity: tuple[str, str | None],
    basic_plane: bool,
) -> bytes:
    element = ET.Element(root)
    for name, value in fields:
        if value is not None and value != "":
            ET.SubElement(element, name).text = legal_text(str(value), basic_plane=basic_plane)
    kind, value = identity
    if value:
        unique = ET.SubElement(element, "uniqueid", type=legal_text(kind, basic_plane=True), default="true")
        unique.text = legal_text(value, basic_plane=basic_plane)
    ET.indent(element)
    text: bytes = ET.tostring(element, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def legal_text(value: str, *, basic_plane: bool) -> str:
    """Return the text without what XML, or with `basic_plane` an older database, does not take."""
    legal = _FORBIDDEN.sub("", value)
    return _BEYOND_BASIC.sub("", legal) if basic_plane else legal

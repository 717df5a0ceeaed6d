"""What a database knows of a film or show, added to an NFO file where the site said nothing."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Mapping
from dataclasses import dataclass, field

from vidra.media.nfo import legal_text

_OF_EPISODES = ("showtitle", "season", "episode")


@dataclass(frozen=True, kw_only=True, slots=True)
class MoreNotes:
    """What is known elsewhere; None and empty fields add nothing."""

    title: str | None = None
    plot: str | None = None
    released: str | None = None
    """`YYYY-MM-DD`."""
    genres: tuple[str, ...] = ()
    rating: float | None = None
    """0 to 10."""
    votes: int | None = None
    ids: Mapping[str, str] = field(default_factory=dict)
    """By provider: `tmdb`, `imdb`, `tvdb`."""


def place_of(data: bytes) -> tuple[int, int] | None:
    """Return season and number that an episode's NFO file names; None for any other file."""
    root = _root(data)
    if root is None or root.tag != "episodedetails":
        return None
    season, episode = root.findtext("season") or "", root.findtext("episode") or ""
    return (int(season), int(episode)) if season.isdecimal() and episode.isdecimal() else None


def film_nfo(data: bytes, more: MoreNotes, *, basic_plane: bool = False) -> bytes | None:
    """Return an item's NFO file as that of a film, under the title that the film is known by.

    None for what is no NFO file.
    """
    root = _root(data)
    if root is None:
        return None
    root.tag = "movie"
    for name in _OF_EPISODES:
        for element in root.findall(name):
            root.remove(element)
    title = root.find("title")
    if title is not None and more.title and title.text != more.title:
        _add(root, "originaltitle", title.text or "", basic_plane=basic_plane)
        title.text = legal_text(more.title, basic_plane=basic_plane)
    aired = root.find("aired")
    if aired is not None:  # when the site showed it, which is not when the film is from
        root.remove(aired)
    return _filled(root, more, day="premiered", basic_plane=basic_plane)


def filled_nfo(data: bytes, more: MoreNotes, *, basic_plane: bool = False) -> bytes | None:
    """Return the file of an episode or show with its gaps filled; None for what is no NFO file."""
    root = _root(data)
    if root is None:
        return None
    day = "premiered" if root.tag == "tvshow" else "aired"
    return _filled(root, more, day=day, basic_plane=basic_plane)


def _filled(root: ET.Element, more: MoreNotes, *, day: str, basic_plane: bool) -> bytes:
    for name, value in (("plot", more.plot), (day, more.released)):
        if value and not root.findtext(name):
            _add(root, name, value, basic_plane=basic_plane)
    if not root.findall("genre"):
        for genre in more.genres:
            ET.SubElement(root, "genre").text = legal_text(genre, basic_plane=basic_plane)
    if more.rating is not None and root.find("ratings") is None:
        _add_rating(root, more.rating, more.votes)
    known = {element.get("type") for element in root.findall("uniqueid")}
    for provider, value in more.ids.items():
        if provider not in known:
            ET.SubElement(root, "uniqueid", type=provider).text = value
    ET.indent(root)
    text: bytes = ET.tostring(root, encoding="utf-8", xml_declaration=True)
    return text + b"\n"


def _add_rating(root: ET.Element, rating: float, votes: int | None) -> None:
    ratings = ET.SubElement(root, "ratings")
    one = ET.SubElement(ratings, "rating", name="themoviedb", max="10", default="true")
    ET.SubElement(one, "value").text = f"{rating:g}"
    if votes:
        ET.SubElement(one, "votes").text = str(votes)


def _add(root: ET.Element, name: str, value: str, *, basic_plane: bool) -> None:
    element = root.find(name)
    if element is None:
        element = ET.SubElement(root, name)
    element.text = legal_text(value, basic_plane=basic_plane)


def _root(data: bytes) -> ET.Element | None:
    if b"<!DOCTYPE" in data or b"<!ENTITY" in data:
        return None
    try:
        return ET.fromstring(data)  # noqa: S314 - declarations were refused above
    except ET.ParseError:
        return None

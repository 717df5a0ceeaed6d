"""What a file name says: title, year, season and episode."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import PurePath
from typing import Final

_YEAR: Final = re.compile(r"^(?P<title>.+?)[\s._]*[(\[](?P<year>(?:19|20)\d\d)[)\]]")
_EPISODE: Final = re.compile(
    r"^(?P<show>.*?)[\s._-]*\b[Ss](?P<season>\d{1,4})[\s._-]*[Ee](?P<episode>\d{1,8})\b[\s._-]*(?P<title>.*)$"
)
_SEASON_FOLDER: Final = re.compile(
    r"^(?:season|staffel|saison|series)[\s._-]*(?P<season>\d{1,4})$|^specials$", re.IGNORECASE
)
_ID_TAG: Final = re.compile(
    r"\s*[\[{](?:(?P<provider>tmdb|imdb|tvdb)(?:id)?[-=:](?P<id>[\w]+)|[\w-]{11})[\]}]", re.IGNORECASE
)
_SPACES: Final = re.compile(r"\s+")


@dataclass(frozen=True, kw_only=True, slots=True)
class Name:
    """The parts of a file's name and place; `show` and the numbers are None for a film."""

    title: str
    year: int | None = None
    show: str | None = None
    season: int | None = None
    episode: int | None = None
    guids: tuple[str, ...] = ()


def name_of(path: PurePath) -> Name:
    """Return what the path, relative to its library folder, says; the title is never empty."""
    stem, guids = _without_ids(path.stem)
    episode = _EPISODE.match(stem)
    if episode is not None:
        show = _show_folder(path) or _without_ids(episode["show"])[0]
        title, year = _title_and_year(show) if show else ("", None)
        own = clean(episode["title"])
        return Name(
            title=own or f"Episode {int(episode['episode'])}",
            year=year,
            show=title or "Unknown show",
            season=int(episode["season"]),
            episode=int(episode["episode"]),
            guids=guids,
        )
    title, year = _title_and_year(stem)
    return Name(title=title or path.name, year=year, guids=guids)


def clean(text: str) -> str:
    """Return the text with dots and underscores as spaces, where there are no spaces already."""
    if " " not in text:
        text = text.replace(".", " ").replace("_", " ")
    return _SPACES.sub(" ", text).strip(" -")


def _title_and_year(text: str) -> tuple[str, int | None]:
    match = _YEAR.match(text)
    return (clean(text), None) if match is None else (clean(match["title"]), int(match["year"]))


def _show_folder(path: PurePath) -> str | None:
    """Return the name of the folder that stands for the show: the nearest that is no season folder."""
    folders = path.parts[:-1]
    while folders and _SEASON_FOLDER.match(folders[-1]):
        folders = folders[:-1]
    return _without_ids(folders[-1])[0] if folders else None


def _without_ids(text: str) -> tuple[str, tuple[str, ...]]:
    """Take `[imdbid-tt0133093]`, `{tmdb-603}` and the `[id]` of download names out of a text."""
    guids = tuple(f"{m['provider'].lower()}://{m['id']}" for m in _ID_TAG.finditer(text) if m["provider"])
    return _ID_TAG.sub("", text).strip(), guids

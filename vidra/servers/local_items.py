"""Films, shows, seasons and episodes out of file names and NFO files."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from vidra.servers.interface import Item, ItemKind, MediaFile, SectionKind, WatchState
from vidra.servers.local_names import name_of
from vidra.servers.local_nfo import Nfo, read_nfo
from vidra.servers.local_scan import MediaPath, scan


def read_folder(folder: Path, kind: SectionKind, section_id: str) -> list[Item]:
    """Return the films and episodes below the folder, by path; raises as `scan` does."""
    return [_item(found, kind, section_id) for found in scan(folder)]


def _item(found: MediaPath, kind: SectionKind, section_id: str) -> Item:
    name = name_of(found.relative)
    nfo = read_nfo(found.path.with_suffix(".nfo")) or Nfo()
    episode = name.episode is not None and kind is not SectionKind.MOVIES
    show_id = _show_id(name.show) if episode and name.show else None
    season = (nfo.season if nfo.season is not None else name.season) if episode else None
    return Item(
        id=found.id,
        kind=ItemKind.EPISODE if episode else ItemKind.MOVIE,
        title=nfo.title or name.title,
        section_id=section_id,
        summary=nfo.summary,
        year=nfo.year or name.year,
        released=nfo.released,
        duration_ms=nfo.duration_ms,
        genres=nfo.genres,
        guids=nfo.guids or name.guids,
        added_at=datetime.fromtimestamp(found.modified, UTC),
        updated_at=datetime.fromtimestamp(found.modified, UTC),
        parent_id=f"{show_id}-{season}" if show_id else None,
        show_id=show_id,
        show_title=name.show if episode else None,
        season_number=season,
        episode_number=(nfo.episode if nfo.episode is not None else name.episode) if episode else None,
        files=(
            MediaFile(
                id=found.id, path=str(found.path), container=found.path.suffix[1:].lower(), size=found.size
            ),
        ),
    )


def shows_of(items: Sequence[Item]) -> list[Item]:
    """Return the shows that the episodes among the items belong to."""
    shows: dict[str, list[Item]] = {}
    for entry in items:
        if entry.show_id is not None:
            shows.setdefault(entry.show_id, []).append(entry)
    return [
        Item(
            id=show_id,
            kind=ItemKind.SHOW,
            title=episodes[0].show_title or "",
            section_id=episodes[0].section_id,
            child_count=len(episodes),
            watched_count=_watched(episodes),
            watch=WatchState(watched=_watched(episodes) == len(episodes)),
            updated_at=max(added(episode) for episode in episodes),
        )
        for show_id, episodes in shows.items()
    ]


def season_of(show: Item, number: int, episodes: Sequence[Item]) -> Item:
    """Return the season that these episodes make up; 0 is for specials."""
    return Item(
        id=f"{show.id}-{number}",
        kind=ItemKind.SEASON,
        title=f"Season {number}" if number else "Specials",
        section_id=show.section_id,
        parent_id=show.id,
        show_id=show.id,
        show_title=show.title,
        season_number=number,
        child_count=len(episodes),
        watched_count=_watched(episodes),
        watch=WatchState(watched=_watched(episodes) == len(episodes)),
    )


def _watched(episodes: Sequence[Item]) -> int:
    return sum(episode.watch.watched for episode in episodes)


def _show_id(show: str) -> str:
    return hashlib.sha256(show.casefold().encode("utf-8", "surrogateescape")).hexdigest()[:32]


def added(entry: Item) -> datetime:
    """Return when the file was last changed."""
    return entry.updated_at or datetime.fromtimestamp(0, UTC)

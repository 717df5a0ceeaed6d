"""Folders of this machine as a source. What was watched is kept in a book of our own."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncGenerator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final, Protocol

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import Missing, RemoteError
from vidra.servers.interface import (
    AuthStatus,
    Initialised,
    Item,
    ItemKind,
    Markers,
    MediaServer,
    Page,
    Progress,
    Row,
    RowKind,
    Section,
    SectionKind,
    Stream,
    User,
    WatchState,
)
from vidra.servers.local_items import added, read_folder, season_of, shows_of

WATCHED_FROM: Final = 0.9
"""Share of the length from which an item counts as watched, as Plex and Jellyfin have it."""


class WatchBook(Protocol):
    """Where watch states of local items are kept, by item id."""

    def get(self, item_id: str) -> WatchState:
        """Return the state; an empty one for an item never watched."""
        ...

    def put(self, item_id: str, state: WatchState) -> None:
        """Store the state."""
        ...

    def rating(self, item_id: str) -> float | None:
        """Return the user's rating; None for an item never rated."""
        ...

    def rate(self, item_id: str, rating: float) -> None:
        """Store the rating."""
        ...


class MemoryWatchBook:
    """A book that lasts as long as the process."""

    def __init__(self) -> None:
        self._states: dict[str, WatchState] = {}
        self._ratings: dict[str, float] = {}

    def get(self, item_id: str) -> WatchState:
        """Return the state."""
        return self._states.get(item_id, WatchState())

    def put(self, item_id: str, state: WatchState) -> None:
        """Store the state."""
        self._states[item_id] = state

    def rating(self, item_id: str) -> float | None:
        """Return the rating."""
        return self._ratings.get(item_id)

    def rate(self, item_id: str, rating: float) -> None:
        """Store the rating."""
        self._ratings[item_id] = rating


@dataclass(frozen=True, kw_only=True, slots=True)
class LocalFolder:
    """One library: a folder and what it holds."""

    path: Path
    name: str | None = None
    kind: SectionKind = SectionKind.MOVIES


class LocalServer(MediaServer):
    """Scans at every call: the folders are the truth, and nothing is kept between operations."""

    def __init__(
        self, *, folders: Sequence[LocalFolder], book: WatchBook, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._folders = {_section_id(folder.path): folder for folder in folders}
        self._book, self._clock = book, clock

    async def initialise(self) -> Initialised:
        """There is nobody to sign in; unknown if a folder is not there."""
        for folder in self._folders.values():
            if not await asyncio.to_thread(folder.path.is_dir):
                return Initialised(status=AuthStatus.UNKNOWN, detail=f"{folder.path}: no such folder")
        return Initialised(status=AuthStatus.AUTHENTICATED, user=User(id="local", name="local"))

    async def sections(self) -> Sequence[Section]:
        """Return one library per folder, readable or not: reading is what `items` does."""
        return [
            Section(
                id=key, title=folder.name or folder.path.name, kind=folder.kind, locations=(str(folder.path),)
            )
            for key, folder in self._folders.items()
        ]

    async def items(
        self, section: Section, kind: ItemKind, *, changed_since: datetime | None = None, page_size: int = 200
    ) -> AsyncGenerator[Page, None]:
        """Scan the folder; raises before the first page if any of it cannot be read."""
        found = await self._of_kind(section.id, kind)
        if changed_since is not None:
            found = [entry for entry in found if _changed(entry, changed_since)]
        for start in range(0, len(found), page_size):
            yield Page(items=tuple(found[start : start + page_size]), total=len(found))

    async def count(self, section: Section, kind: ItemKind) -> int:
        """Return how many there are."""
        return len(await self._of_kind(section.id, kind))

    async def item(self, item_id: str) -> Item:
        """Return the item; raise `Missing` if no library has it."""
        for key in self._folders:
            for entry in await self._everything(key):
                if entry.id == item_id:
                    return entry
        raise Missing(f"no local item {item_id}")

    async def seasons(self, show_id: str) -> Sequence[Item]:
        """Return the seasons the file names tell of."""
        show = await self.item(show_id)
        seasons: dict[int, list[Item]] = {}
        for episode in await self.episodes(show_id):
            seasons.setdefault(episode.season_number or 0, []).append(episode)
        return [season_of(show, number, episodes) for number, episodes in sorted(seasons.items())]

    async def episodes(self, show_id: str) -> Sequence[Item]:
        """Return the show's episodes in order."""
        found = [e for key in self._folders for e in await self._everything(key) if _belongs(e, show_id)]
        return sorted(found, key=lambda e: (e.season_number or 0, e.episode_number or 0))

    async def rows(self, *, limit: int = 20) -> Sequence[Row]:
        """Return what was begun and what is new; a folder that cannot be read is left out."""
        playable: list[Item] = []
        for key in self._folders:
            try:
                playable += [entry for entry in await self._everything(key) if entry.files]
            except RemoteError:
                continue  # the other libraries' rows are still worth showing; a sync reports the error
        begun = sorted((e for e in playable if e.watch.position_ms), key=_last_viewed, reverse=True)[:limit]
        new = sorted(playable, key=added, reverse=True)[:limit]
        rows = [
            (RowKind.CONTINUE_WATCHING, "Continue watching", begun),
            (RowKind.RECENTLY_ADDED, "Recently added", new),
        ]
        return [
            Row(id=kind.value, kind=kind, title=title, items=tuple(found))
            for kind, title, found in rows
            if found
        ]

    async def search(self, text: str, *, limit: int = 50) -> Sequence[Item]:
        """Return items whose title holds the text, whatever its case."""
        wanted = text.casefold()
        found = [
            e for key in self._folders for e in await self._everything(key) if wanted in e.title.casefold()
        ]
        return found[:limit]

    async def markers(self, item_id: str) -> Markers:
        """Return none: files do not tell."""
        del item_id
        return Markers()

    async def stream(self, item_id: str) -> Stream:
        """Return a `file://` URL of a file that exists now."""
        entry = await self.item(item_id)
        path = next((Path(file.path) for file in entry.files if file.path), None)
        if path is None or not await asyncio.to_thread(path.is_file):
            raise Missing(f"item {item_id} has no file to play")
        return Stream(url=(await asyncio.to_thread(path.absolute)).as_uri())

    async def report(self, progress: Progress) -> None:
        """Write down the position; near the end the item counts as watched."""
        before = self._book.get(progress.item_id)
        at = progress.at or self._clock.now()
        if before.last_viewed_at is not None and at < before.last_viewed_at:
            return  # a late report of an older playback
        finished = progress.duration_ms > 0 and progress.position_ms >= WATCHED_FROM * progress.duration_ms
        watched, position = before.watched or finished, 0 if finished else progress.position_ms
        self._book.put(
            progress.item_id, replace(before, watched=watched, position_ms=position, last_viewed_at=at)
        )

    async def mark_watched(self, item_id: str, *, at: datetime | None = None) -> None:
        """Write it down."""
        before, moment = self._book.get(item_id), at or self._clock.now()
        count = before.play_count + 1
        self._book.put(item_id, WatchState(watched=True, play_count=count, last_viewed_at=moment))

    async def mark_unwatched(self, item_id: str) -> None:
        """Write it down."""
        self._book.put(item_id, WatchState())

    async def rate(self, item_id: str, rating: float) -> None:
        """Write it down."""
        self._book.rate(item_id, rating)

    async def watch_state(self, item_id: str) -> WatchState:
        """Return what was written down."""
        return self._book.get(item_id)

    async def refresh(self, path: str | None = None) -> tuple[str, ...]:
        """Do nothing: every call scans. Returns the libraries that hold the path."""
        if path is None:
            return tuple(self._folders)
        return tuple(key for key, folder in self._folders.items() if Path(path).is_relative_to(folder.path))

    async def holds(self, path: str) -> bool:
        """Whether a scan finds the file."""
        sections = await self.refresh(path)
        found = [e for key in sections for e in await self._everything(key)]
        return any(file.path == path for entry in found for file in entry.files)

    async def _of_kind(self, section_id: str, kind: ItemKind) -> list[Item]:
        everything = await self._everything(section_id)
        if kind is ItemKind.SEASON:
            return [s for e in everything if e.kind is ItemKind.SHOW for s in await self.seasons(e.id)]
        return [entry for entry in everything if entry.kind is kind]

    async def _everything(self, section_id: str) -> list[Item]:
        folder = self._folders.get(section_id)
        if folder is None:
            raise Missing(f"no local library {section_id}")
        files = await asyncio.to_thread(read_folder, folder.path, folder.kind, section_id)
        items = [
            replace(entry, watch=self._book.get(entry.id), user_rating=self._book.rating(entry.id))
            for entry in files
        ]
        return items + shows_of(items)


def _section_id(path: Path) -> str:
    return hashlib.sha256(str(path.absolute()).encode("utf-8", "surrogateescape")).hexdigest()[:16]


def _belongs(entry: Item, show_id: str) -> bool:
    return entry.kind is ItemKind.EPISODE and entry.show_id == show_id


def _changed(entry: Item, since: datetime) -> bool:
    return added(entry) >= since or _last_viewed(entry) >= since


def _last_viewed(entry: Item) -> datetime:
    return entry.watch.last_viewed_at or datetime.fromtimestamp(0, UTC)

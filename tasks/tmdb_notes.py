"""NFO files of downloads, with what The Movie Database knows of the film or show they are of."""

from __future__ import annotations

import asyncio
import os
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from tasks.job_work import JobWork
from tasks.tmdb_desk import TmdbDesk, open_desk
from vidra.engine.jobs.resolution import resolve_job
from vidra.errors import RemoteError
from vidra.media.interface import LogLevel
from vidra.media.nfo_filling import MoreNotes, filled_nfo, film_nfo, place_of
from vidra.media.options import MediaOptions
from vidra.media.publication import NfoStyle
from vidra.media.show_folder import ShowFolder
from vidra.redaction import redact
from vidra.servers.tmdb import TmdbKind
from vidra.state.interface import EntryStatus

_IDS = ("tmdb", "imdb", "tvdb")


async def add_notes(work: JobWork) -> None:
    """Add what TMDB knows to the NFO files of a job's downloads, if the job's options name a page of it.

    Raises nothing of TMDB's: the files are whole without its words.
    """
    options = resolve_job(work.job, settings=work.settings, state=work.state).options
    if options.publication.tmdb is None:
        return
    if options.publication.nfo is NfoStyle.NONE or not work.settings.tmdb.active:
        lacking = "`nfo`" if options.publication.nfo is NfoStyle.NONE else "`tmdb.active`"
        work.reporter.log(LogLevel.WARNING, f"`tmdb` is set, but {lacking} is off: no notes were added")
        return
    await _ask(work, options)


@task(name="notes from TMDB", cache_policy=NO_CACHE, persist_result=False)
async def _ask(work: JobWork, options: MediaOptions) -> None:
    kind, _, page = (options.publication.tmdb or "").partition("/")
    try:
        async with open_desk(work.settings, say=lambda text: work.reporter.log(LogLevel.INFO, text)) as desk:
            await _Notes(work, options, desk).add(TmdbKind(kind), page)
    except (RemoteError, OSError) as error:
        work.reporter.log(LogLevel.WARNING, f"no notes from TMDB: {redact(str(error))}")


class _Notes:
    """The NFO files of one job."""

    def __init__(self, work: JobWork, options: MediaOptions, desk: TmdbDesk) -> None:
        self._work, self._desk = work, desk
        self._home = options.home or work.settings.downloads.library
        self._artwork = options.publication.artwork
        self._basic_plane = options.publication.nfo is NfoStyle.KODI

    async def add(self, kind: TmdbKind, page: str) -> None:
        """Fill in what is known of the film, or of the show and its episodes."""
        found = await self._desk.work(kind, {"tmdb": page})
        if found is None:
            self._work.reporter.log(LogLevel.WARNING, f"TMDB has no page {kind.value}/{page}")
            return
        for media in self._downloads():
            notes = media.with_name(f"{media.stem}.nfo")
            if kind is TmdbKind.MOVIE:
                await asyncio.to_thread(self._rewrite_film, notes, _more(found))
                continue
            await asyncio.to_thread(self._fill, self._of_show(media), _more(found))
            await self._fill_episode(notes, page)

    def _downloads(self) -> list[Path]:
        entries = self._work.entries()
        done = [entry for entry in entries if entry.status is EntryStatus.COMPLETED and entry.main_file]
        return [Path(entry.main_file) for entry in done if entry.main_file]

    def _of_show(self, media: Path) -> Path | None:
        folder = ShowFolder.of(media, self._home, artwork=self._artwork)
        return None if folder is None else folder.path / "tvshow.nfo"

    async def _fill_episode(self, notes: Path, page: str) -> None:
        place = await asyncio.to_thread(_place, notes)
        if place is None:
            return
        season, number = place
        known = await self._desk.season(page, season) or {}
        if found := known.get(str(number)):
            await asyncio.to_thread(self._fill, notes, _more(found))

    def _rewrite_film(self, notes: Path, more: MoreNotes) -> None:
        _replace(notes, film_nfo(_content(notes), more, basic_plane=self._basic_plane))

    def _fill(self, notes: Path | None, more: MoreNotes) -> None:
        if notes is not None:
            _replace(notes, filled_nfo(_content(notes), more, basic_plane=self._basic_plane))


def _more(found: Mapping[str, Any]) -> MoreNotes:
    ids = {name: str(value) for name in _IDS if (value := found.get(f"{name}_id"))}
    return MoreNotes(
        title=found.get("title"),
        plot=found.get("overview"),
        released=found.get("released"),
        genres=tuple(found.get("genres") or ()),
        rating=found.get("rating"),
        votes=found.get("votes"),
        ids=ids,
    )


def _place(notes: Path) -> tuple[int, int] | None:
    return place_of(_content(notes))


def _content(notes: Path) -> bytes:
    return notes.read_bytes() if notes.is_file() else b""


def _replace(notes: Path, content: bytes | None) -> None:
    """Put the content in place of the file at once, unless there is nothing new."""
    if content is None or content == _content(notes):
        return
    scratch = notes.with_name(f".{notes.name}.{uuid.uuid4().hex[:8]}.tmp")
    try:
        scratch.write_bytes(content)
        os.replace(scratch, notes)  # noqa: PTH105 - the two names side by side say what happens
    finally:
        scratch.unlink(missing_ok=True)

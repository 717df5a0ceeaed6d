"""Folders as a source: scanned whole or not at all, with ids that survive renames of folders."""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path, PurePath
from typing import TypeVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.servers.sources import NOW, listed
from vidra.clock import ManualClock
from vidra.errors import Missing, Refused, TryLater
from vidra.servers.interface import AuthStatus, Item, ItemKind, PlaybackState, Progress, RowKind, SectionKind
from vidra.servers.local import LocalFolder, LocalServer, MemoryWatchBook, WatchBook
from vidra.servers.local_names import name_of
from vidra.servers.local_nfo import read_nfo
from vidra.servers.paths import PathMapping, deepest_holder, server_path

T = TypeVar("T")


def _file(path: Path, size: int = 10) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    return path


def _on(
    folder: Path,
    work: Callable[[LocalServer], Awaitable[T]],
    *,
    kind: SectionKind = SectionKind.MOVIES,
    book: WatchBook | None = None,
    clock: ManualClock | None = None,
) -> T:
    """Run one operation with a server object of its own."""
    folders = [LocalFolder(path=folder, kind=kind)]
    server = LocalServer(folders=folders, book=book or MemoryWatchBook(), clock=clock or ManualClock(NOW))

    async def main() -> T:
        return await work(server)

    return asyncio.run(main())


async def _films(server: LocalServer) -> list[Item]:
    (section,) = await server.sections()
    return await listed(server, section, ItemKind.MOVIE)


def test_a_scan_finds_what_is_media_and_not_hidden(tmp_path: Path) -> None:
    """D1 local: five extensions in any case; hidden files, hidden folders and other files are skipped."""
    for name in (
        "A (2001).mp4",
        "sub/B.MKV",
        "c.webm",
        ".hidden.mp4",
        ".hidden/d.mp4",
        "e.txt",
        "f.mp4.part",
    ):
        _file(tmp_path / name)
    films = _on(tmp_path, _films)

    assert [(f.title, f.year) for f in films] == [("A", 2001), ("c", None), ("B", None)]
    assert films[0].files[0].size == 10


def test_ids_survive_renames_of_folders(tmp_path: Path) -> None:
    """A tidied shelf keeps its watch states; two files that look alike are still two."""
    _file(tmp_path / "old" / "Film.mkv", 11)
    _file(tmp_path / "a" / "01.mkv", 5)
    _file(tmp_path / "b" / "01.mkv", 5)
    before = {f.files[0].path: f.id for f in _on(tmp_path, _films)}
    (tmp_path / "old").rename(tmp_path / "new")
    after = {f.files[0].path: f.id for f in _on(tmp_path, _films)}

    assert after[str(tmp_path / "new" / "Film.mkv")] == before[str(tmp_path / "old" / "Film.mkv")]
    assert len(set(after.values())) == 3


def test_links_do_not_lead_out_of_the_library(tmp_path: Path) -> None:
    """Nor round in circles; a link to a file inside is a file."""
    outside = _file(tmp_path / "outside" / "secret.mp4")
    root = tmp_path / "root"
    inside = _file(root / "a.mp4")
    (root / "b.mp4").symlink_to(outside)
    (root / "c.mp4").symlink_to(inside)
    (root / "loop").symlink_to(root)
    (root / "away").symlink_to(outside.parent)

    assert [f.title for f in _on(root, _films)] == ["a", "c"]


def test_a_folder_that_is_not_there_is_an_error_not_an_empty_library(tmp_path: Path) -> None:
    """An unmounted disk must not wipe the library; the mount may be back later."""
    with pytest.raises(TryLater, match="is the disk mounted"):
        _on(tmp_path / "gone", _films)
    assert _on(tmp_path / "gone", lambda server: server.initialise()).status is AuthStatus.UNKNOWN


@contextmanager
def _as_nobody() -> Iterator[None]:
    """Give up the superuser's rights for a while, if we have them: it may read every folder."""
    superuser = os.geteuid() == 0
    if superuser:
        os.seteuid(65534)
    try:
        yield
    finally:
        if superuser:
            os.seteuid(0)


def test_a_folder_that_may_not_be_read_fails_the_library() -> None:
    """Half a library looks like deletions."""
    with tempfile.TemporaryDirectory() as name:
        root = Path(name)
        root.chmod(0o755)
        _file(root / "a.mp4")
        _file(root / "locked" / "b.mp4")
        (root / "locked").chmod(0)
        with _as_nobody(), pytest.raises(Refused, match=r"locked: cannot be read"):
            _on(root, _films)


def test_links_that_lead_nowhere_cost_nothing(tmp_path: Path) -> None:
    """A dangling link and one that points at itself, beside media and as its NFO."""
    _file(tmp_path / "a.mp4")
    (tmp_path / "a.nfo").symlink_to(tmp_path / "a.nfo")
    (tmp_path / "b.mp4").symlink_to(tmp_path / "gone")

    assert [f.title for f in _on(tmp_path, _films)] == ["a"]


def test_stream_urls_are_absolute_and_encoded(tmp_path: Path) -> None:
    """D1 local: spaces, `#`, `%` and umlauts; a file that is gone is missing."""
    path = _file(tmp_path / "Ä #1 100% (2020).mp4")
    (film,) = _on(tmp_path, _films)
    stream = _on(tmp_path, lambda server: server.stream(film.id))
    path.unlink()

    assert stream.url == f"file://{tmp_path}/%C3%84%20%231%20100%25%20%282020%29.mp4"
    with pytest.raises(Missing):
        _on(tmp_path, lambda server: server.stream(film.id))


def test_dated_episode_numbers_are_read() -> None:
    """The numbers that Vidra's own presets give: month, day, order of the day."""
    name = name_of(PurePath("Talks/Season 2024/Talks - S2024E013101 - Opening.mkv"))
    assert (name.show, name.season, name.episode, name.title) == ("Talks", 2024, 13101, "Opening")


def test_episodes_make_up_seasons_and_shows(tmp_path: Path) -> None:
    """From folder and file names, with specials as season 0."""
    for name in ("Show (2019)/Season 01/Show - S01E02 - Two.mkv", "Show (2019)/Season 01/Show.S01E01.mkv",
                 "Show (2019)/Specials/Show S00E01 Extra.mkv", "Other.S02E03.mkv"):  # fmt: skip
        _file(tmp_path / name, len(name))

    async def work(server: LocalServer) -> tuple[list[Item], list[Item], list[Item]]:
        (section,) = await server.sections()
        shows = await listed(server, section, ItemKind.SHOW)
        show = next(entry for entry in shows if entry.title == "Show")
        return shows, list(await server.seasons(show.id)), list(await server.episodes(show.id))

    shows, seasons, episodes = _on(tmp_path, work, kind=SectionKind.SHOWS)

    assert sorted((s.title, s.child_count) for s in shows) == [("Other", 1), ("Show", 3)]
    assert [(s.title, s.season_number) for s in seasons] == [("Specials", 0), ("Season 1", 1)]
    assert [(e.season_number, e.episode_number, e.title) for e in episodes] == [
        (0, 1, "Extra"), (1, 1, "Episode 1"), (1, 2, "Two"),
    ]  # fmt: skip
    assert episodes[1].parent_id == seasons[1].id


@pytest.mark.parametrize(
    ("name", "title", "year", "guids"),
    [
        ("The.Matrix.(1999).1080p.mkv", "The Matrix", 1999, ()),
        ("2001 A Space Odyssey (1968).mp4", "2001 A Space Odyssey", 1968, ()),
        ("Film [imdbid-tt0133093].mkv", "Film", None, ("imdb://tt0133093",)),
        ("Clip [dQw4w9WgXcQ].webm", "Clip", None, ()),
        ("under_score.mov", "under score", None, ()),
        ("(2020).mp4", "(2020)", None, ()),
    ],
)
def test_names_are_cleaned(name: str, title: str, year: int | None, guids: tuple[str, ...]) -> None:
    """Title, year and external ids out of a file name."""
    found = name_of(PurePath(name))

    assert (found.title, found.year, found.guids) == (title, year, guids)


@given(st.text(st.characters(exclude_characters="/\0", exclude_categories=["Cs"]), min_size=1, max_size=60))
def test_every_name_gives_a_title(name: str) -> None:
    """Whatever people call their files."""
    assert name_of(PurePath("folder", f"x{name}.mp4")).title


def test_an_nfo_beside_the_file_wins_over_its_name(tmp_path: Path) -> None:
    """What somebody wrote down is better than what we guess."""
    _file(tmp_path / "m.mkv")
    (tmp_path / "m.nfo").write_text(
        "<movie><title>The Matrix</title><year>1999</year><runtime>136</runtime><plot>Neo</plot>"
        "<genre>Action</genre><uniqueid type='imdb'>tt0133093</uniqueid></movie>"
    )
    (film,) = _on(tmp_path, _films)

    assert (film.title, film.year, film.duration_ms, film.summary) == ("The Matrix", 1999, 8_160_000, "Neo")
    assert (film.genres, film.guids) == (("Action",), ("imdb://tt0133093",))


@pytest.mark.parametrize(
    "text",
    [
        "not xml",
        "<movie>",
        '<!DOCTYPE x [<!ENTITY a SYSTEM "file:///etc/passwd">]><movie><title>&a;</title></movie>',
        "x" * (1 << 20) + "x",
    ],
)
def test_a_hostile_or_broken_nfo_is_ignored(tmp_path: Path, text: str) -> None:
    """Entities read other files and eat memory; the media file is listed all the same."""
    path = _file(tmp_path / "film.mp4").with_suffix(".nfo")
    path.write_text(text)

    assert read_nfo(path) is None
    assert [f.title for f in _on(tmp_path, _films)] == ["film"]


def test_what_was_watched_is_kept_in_the_book(tmp_path: Path) -> None:
    """Position, watched at nine tenths, older reports ignored; the book outlives the server object."""
    _file(tmp_path / "a.mp4")
    book, clock = MemoryWatchBook(), ManualClock(NOW)
    (film,) = _on(tmp_path, _films)
    report = Progress(
        item_id=film.id, position_ms=30_000, duration_ms=100_000, state=PlaybackState.PAUSED, session="s"
    )
    late = Progress(
        item_id=film.id, position_ms=1, duration_ms=100_000, state=PlaybackState.STOPPED, session="s",
        at=NOW - timedelta(hours=1),
    )  # fmt: skip
    end = Progress(
        item_id=film.id, position_ms=90_000, duration_ms=100_000, state=PlaybackState.STOPPED, session="s"
    )
    positions = []
    for each in (report, late, end):
        _on(tmp_path, lambda server, each=each: server.report(each), book=book, clock=clock)  # type: ignore[misc]  # bound now
        positions.append(_on(tmp_path, _films, book=book)[0].watch)

    assert [(w.position_ms, w.watched) for w in positions] == [(30_000, False), (30_000, False), (0, True)]


def test_a_rating_is_kept_in_the_book(tmp_path: Path) -> None:
    """And listed with the file from then on."""
    _file(tmp_path / "a.mp4")
    book = MemoryWatchBook()
    (film,) = _on(tmp_path, _films, book=book)
    assert film.user_rating is None
    _on(tmp_path, lambda server: server.rate(film.id, 7.5), book=book)
    assert _on(tmp_path, _films, book=book)[0].user_rating == 7.5


def test_rows_show_what_was_begun_and_what_is_new(tmp_path: Path) -> None:
    """And no empty row."""
    old, new = _file(tmp_path / "old.mp4"), _file(tmp_path / "new.mp4", 11)
    os.utime(old, (1, 1))
    rows = _on(tmp_path, lambda server: server.rows())

    assert [(r.kind, [i.title for i in r.items]) for r in rows] == [(RowKind.RECENTLY_ADDED, ["new", "old"])]
    assert _on(tmp_path, lambda server: server.holds(str(new))) is True
    assert [i.title for i in _on(tmp_path, lambda server: server.search("OL"))] == ["old"]


def test_changes_are_files_and_watch_states(tmp_path: Path) -> None:
    """An incremental sync of folders."""
    old, book = _file(tmp_path / "old.mp4"), MemoryWatchBook()
    os.utime(_file(tmp_path / "older.mp4", 12), (1, 1))
    os.utime(old, (1, 1))
    (film, _) = _on(tmp_path, _films)
    _on(tmp_path, lambda server: server.mark_watched(film.id), book=book)

    async def work(server: LocalServer) -> list[Item]:
        (section,) = await server.sections()
        return await listed(server, section, ItemKind.MOVIE, since=datetime(2026, 1, 1, tzinfo=UTC))

    assert [f.title for f in _on(tmp_path, work, book=book)] == ["old"]


def test_paths_are_mapped_to_what_the_server_sees() -> None:
    """Containers and shares; the deepest mapping wins, Windows servers keep their style."""
    mappings = [PathMapping(ours="/data", theirs="/media"), PathMapping(ours="/data/tv", theirs="D:\\TV")]

    assert server_path(PurePath("/data/film/a.mkv"), mappings) == "/media/film/a.mkv"
    assert server_path(PurePath("/data/tv/Show/a.mkv"), mappings) == "D:\\TV\\Show\\a.mkv"
    assert server_path(PurePath("/database/a.mkv"), mappings) == "/database/a.mkv"
    assert deepest_holder("D:\\tv\\Show", ["D:\\TV", "/tv"]) == "D:\\TV"
    assert deepest_holder("/tv2/a", ["/tv", "/tv2/b"]) is None

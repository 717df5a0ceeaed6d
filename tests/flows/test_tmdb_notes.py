"""NFO files of downloads with what The Movie Database knows, through the download flow."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from xml.etree.ElementTree import Element, fromstring

import pytest

from tests.flows.workshop import Workshop
from tests.servers.fake_tmdb import KEY, FakeTmdb
from tests.servers.serving import served
from vidra.media.nfo_filling import MoreNotes, filled_nfo, film_nfo, place_of
from vidra.state.interface import JobStatus


@pytest.fixture
def tmdb(workshop: Workshop, monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeTmdb]:
    """Have a TMDB, and its key."""
    monkeypatch.setenv("VIDRA_TMDB_KEY", KEY)
    fake = FakeTmdb()
    with served(fake.app()) as database:
        workshop.write_config(f"tmdb: {{active: true, url: '{database.url}/3'}}\n")
        yield fake


def notes(workshop: Workshop, pattern: str) -> list[tuple[Path, Element]]:
    """Return the NFO files of that name, read."""
    found = sorted((workshop.root / "library").rglob(pattern))
    return [(path, fromstring(path.read_bytes())) for path in found]  # noqa: S314 - our own files


def test_a_film_gets_the_notes_of_a_film(workshop: Workshop, tmdb: FakeTmdb) -> None:
    """Its title, plot, genre, rating and ids; the site's title is kept as the original one."""
    tmdb.pages["movie/603"] |= {"title": "The Matrix", "release_date": "1999-03-30"}
    job, _ = workshop.download(
        workshop.site.url("/v/vid001.html"), options={"nfo": "standard", "tmdb": "movie/603"}
    )
    assert job.status is JobStatus.COMPLETED, job.error
    ((_, film),) = notes(workshop, "*.nfo")
    assert (film.tag, film.findtext("title"), film.findtext("premiered")) == (
        "movie",
        "The Matrix",
        "1999-03-30",
    )
    assert film.findtext("originaltitle")
    assert film.findtext("ratings/rating/value") == "8.2"
    ids = {one.get("type"): one.text for one in film.findall("uniqueid")}
    assert (ids["tmdb"], ids["imdb"]) == ("603", "tt0133093")


def test_a_show_gets_what_the_list_does_not_say(workshop: Workshop, tmdb: FakeTmdb) -> None:
    """In `tvshow.nfo`; an episode that TMDB does not number so keeps its own notes."""
    tmdb.pages["tv/1396"] |= {"genres": [{"id": 1, "name": "Drama"}]}
    job, _ = workshop.download(
        workshop.site.url("/pictured/feed-1.rss"), preset="kodi-tv", options={"tmdb": "tv/1396"}
    )
    assert job.status is JobStatus.COMPLETED, job.error
    ((_, show),) = notes(workshop, "tvshow.nfo")
    assert (show.findtext("plot"), show.findtext("genre")) == ("Local test channel", "Drama")
    assert {one.get("type"): one.text for one in show.findall("uniqueid")}["tvdb"] == "81189"
    assert any(path.startswith("tv/1396/season/") for path in tmdb.asked)


def test_without_tmdb_the_download_is_whole_and_says_why(workshop: Workshop, tmdb: FakeTmdb) -> None:
    """No page, or TMDB away: the NFO of the site stays."""
    job, _ = workshop.download(
        workshop.site.url("/v/vid001.html"), options={"nfo": "standard", "tmdb": "movie/999"}
    )
    assert job.status is JobStatus.COMPLETED
    ((_, item),) = notes(workshop, "*.nfo")
    assert item.tag == "episodedetails"
    assert tmdb.asked == ["movie/999"]


EPISODE = (
    b"<episodedetails><title>Pilot</title><season>1</season><episode>2</episode><plot>Mine.</plot>"
    b"<uniqueid type='site' default='true'>x</uniqueid></episodedetails>"
)


def test_only_gaps_are_filled() -> None:
    """What the site said stays, an id of each provider is added once, and again changes nothing."""
    more = MoreNotes(plot="Theirs.", released="2008-01-20", genres=("Drama",), rating=7.7, ids={"tmdb": "1"})
    once = filled_nfo(EPISODE, more)
    assert once is not None
    root = fromstring(once)  # noqa: S314 - our own
    assert (root.findtext("plot"), root.findtext("aired"), root.findtext("genre")) == (
        "Mine.", "2008-01-20", "Drama",
    )  # fmt: skip
    assert [one.get("type") for one in root.findall("uniqueid")] == ["site", "tmdb"]
    assert filled_nfo(once, more) == once
    assert place_of(once) == (1, 2)


@pytest.mark.parametrize("data", [b"", b"<movie", b'<!DOCTYPE x [<!ENTITY a "b">]><movie>&a;</movie>'])
def test_what_is_no_nfo_of_ours_is_left_alone(data: bytes) -> None:
    """A file that a person made, or none."""
    more = MoreNotes(title="x")
    assert (filled_nfo(data, more), film_nfo(data, more), place_of(data)) == (None, None, None)

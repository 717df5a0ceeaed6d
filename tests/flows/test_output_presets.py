"""Output presets through the flow: what a subscription of a media server's library gets."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from tasks.episode_book import StoredBook
from tasks.records import job_metadata
from tests.flows.workshop import Workshop
from vidra.engine.jobs.submission import submit
from vidra.media.interface import Listing, Thumbnail
from vidra.media.request import DownloadRequest
from vidra.settings import load_settings
from vidra.state.interface import JobStatus


@pytest.mark.parametrize(
    ("preset", "pattern"),
    [
        ("jellyfin-tv", r"Pictured/Season 2024/Pictured S2024E01100[12] - Pictured [12]\.mp4"),
        ("kodi-tv", r"Pictured/Season 2024/Pictured S2024E01100[12] - Pictured [12]\.mp4"),
        ("plex-tv", r"Pictured/Season 2024/Pictured - s2024e01100[12] - Pictured [12]\.mp4"),
        ("podcast", r"Pictured/2024-01-10 - Pictured [12] \[.+\]\.m4a"),
        ("music", r".+/Pictured/Pictured [12]\.m4a"),
    ],
)
def test_each_preset_makes_its_tree(workshop: Workshop, preset: str, pattern: str) -> None:
    """A list of two from one day, downloaded for real, is named as the server documents it."""
    job, _ = workshop.download(workshop.site.url("/pictured/feed-2.rss"), preset=preset)
    assert job.status is JobStatus.COMPLETED
    assert len([name for name in workshop.shelf() if re.fullmatch(pattern, name)]) == 2


def test_numbers_are_remembered_for_good(tmp_path: Path) -> None:
    """Another process, and another day the site says: the same number; nobody else is ever given it."""
    day = date(2024, 1, 10)
    first = StoredBook.of(tmp_path)
    given = first.slot("show", "a", day=day, wanted=2, taken=frozenset(), own=None)
    first.close()
    later = StoredBook.of(tmp_path)
    again = later.slot("show", "a", day=date(2024, 3, 1), wanted=1, taken=frozenset(), own=None)
    other = later.slot("show", "b", day=day, wanted=2, taken=frozenset(), own=None)
    later.close()
    assert again == given
    assert (given.order, other.order) == (2, 3)


def test_a_list_s_pictures_survive_in_the_job(workshop: Workshop) -> None:
    """Avatar, banner, tags and text of a channel, as the job keeps them, reach the show's folder."""
    site = workshop.site
    pictures = {"avatar_uncropped": site.url("/m/vid003.jpg"), "banner_uncropped": site.url("/m/vid004.jpg")}
    channel = Listing(
        url="https://example.org/list", is_playlist=True, entries=(), id="UC1", title="Pictured",
        description="About it", tags=("local",),
        thumbnails=tuple(Thumbnail(url=url, id=name) for name, url in pictures.items()),
    )  # fmt: skip
    with workshop.state() as state:
        request = DownloadRequest.model_validate(
            {"urls": [site.url("/pictured/feed-1.rss")], "preset": "kodi-tv"}
        )
        known = job_metadata([channel])
        job = submit(request, settings=load_settings(), state=state, metadata=known)
        state.jobs.update(job.job_id, metadata=known)
    workshop.run(job)
    show = workshop.root / "library" / "Pictured"
    assert (show / "fanart.jpg").read_bytes() == site.file("m/vid004.jpg").read_bytes()
    assert (show / "poster.jpg").read_bytes() == site.file("m/vid003.jpg").read_bytes()
    assert "<tag>local</tag>" in (show / "tvshow.nfo").read_text()

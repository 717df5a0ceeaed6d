"""Output presets: the trees that media servers are given, and how little is asked of a site for them."""

from __future__ import annotations

import dataclasses
import re
import subprocess
import xml.etree.ElementTree as ET
from datetime import date
from typing import Any

import pytest

from tests.media.studio import Studio
from vidra.datafiles import shipped
from vidra.media.addresses import NetworkPolicy
from vidra.media.episodes import MemoryBook, Slot, orders_of_the_day
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.interface import DownloadedMedia
from vidra.media.nfo import EpisodeNotes, episode_nfo
from vidra.media.options import OptionLayer, Origin, find_preset, load_presets, resolve_options
from vidra.media.session import MediaSession

PRESETS = load_presets(shipped("config") / "presets")
JELLYFIN = re.compile(
    r"(?P<show>[^/]+)/Season (?P<s>\d+)/(?P=show) S(?P<season>\d+)E(?P<e>\d+) - [^/]+\.\w+\Z"
)
PLEX = re.compile(r"(?P<show>[^/]+)/Season (?P<s>\d+)/(?P=show) - s(?P<season>\d+)e(?P<e>\d+) - [^/]+\.\w+\Z")
KODI_EPISODE = {
    "title", "showtitle", "season", "episode", "plot", "runtime", "genre", "aired", "studio", "uniqueid",
}  # fmt: skip


def _xml(text: bytes) -> ET.Element:
    return ET.fromstring(text)  # noqa: S314 - our own file, a moment old


def publish(
    studio: Studio, preset: str, feed: str = "feed.rss", listed: dict[str, Any] | None = None, **values: Any
) -> list[DownloadedMedia]:
    """Download a list of the site with a preset, in its order; `listed` is what the list says besides."""
    options = resolve_options(
        find_preset(PRESETS, preset).layer, OptionLayer(origin=Origin.OWNER, values=values)
    )
    session = MediaSession(
        options=options, network=NetworkPolicy(allow_private=True), library=studio.library,
        log=lambda level, text: studio.lines.append((level, text)),
    )  # fmt: skip
    with session:
        listing = dataclasses.replace(session.list(studio.site.url(feed)), **listed or {})
        orders = orders_of_the_day((entry.key, entry.upload_date) for entry in listing.entries)
        return [
            session.download(
                dataclasses.replace(entry, day_order=orders.get(entry.key)),
                workdir=studio.work, playlist=listing,
            )
            for entry in listing.entries
        ]  # fmt: skip


def test_the_tree_for_jellyfin(studio: Studio) -> None:
    """Golden: season by year, episode by date and order, notes and pictures where Jellyfin looks for them."""
    publish(studio, "jellyfin-tv")
    base, season = "Local channel", "Local channel/Season 2024"
    titles = {
        "011101": "Test clip 1", "011201": "Test clip 2： “Ü & ＜b＞”", "011301": "Test clip 3",
        "011401": "Test clip 4",
    }  # fmt: skip
    episodes = [
        f"{season}/Local channel S2024E{number} - {title}{suffix}"
        for number, title in titles.items()
        for suffix in ("-thumb.jpg", ".mp4", ".nfo")
    ]
    shared = [f"{base}/poster.jpg", f"{base}/season2024-poster.jpg", f"{base}/tvshow.nfo"]
    assert studio.shelf() == sorted([*episodes, *shared])
    assert all(found["s"] == found["season"] for found in map(JELLYFIN.match, episodes) if found)
    assert sum(JELLYFIN.match(name) is not None for name in episodes) == 4 * 3


def test_the_tree_for_plex(studio: Studio) -> None:
    """Golden: Plex's local assets have the episode's own name, the season poster lies in the season."""
    publish(studio, "plex-tv", "pages/feed-1.rss")
    season = "Local channel/Season 2024"
    stem = f"{season}/Local channel - s2024e011101 - Test clip 1"
    assert studio.shelf() == [
        "Local channel/Season 2024/Local channel - s2024e011101 - Test clip 1.jpg",
        f"{stem}.mp4",
        f"{stem}.nfo",
        f"{season}/Season2024.jpg",
        "Local channel/poster.jpg",
        "Local channel/tvshow.nfo",
    ]
    assert PLEX.match(f"{stem}.mp4")


def test_the_tree_of_a_podcast(studio: Studio) -> None:
    """Golden: sound by date, one cover; no picture beside each episode."""
    publish(studio, "podcast", "pages/feed-1.rss")
    (audio, cover) = studio.shelf()
    assert re.fullmatch(r"Local channel/2024-01-11 - Test clip 1 \[vid001\]\.(m4a|opus|mp3)", audio)
    assert cover == "Local channel/cover.jpg"


def test_the_tree_of_music(studio: Studio) -> None:
    """Golden: artist, album, track."""
    publish(studio, "music", "pages/feed-1.rss")
    names = [re.sub(r"\.(m4a|opus|mp3)$", ".x", name) for name in studio.shelf()]
    assert names == ["Ada Example/Local channel/Test clip 1.x", "Ada Example/Local channel/cover.jpg"]


def test_the_notes_say_what_kodi_documents(studio: Studio) -> None:
    """Every element of the episode's NFO is in Kodi's documentation, and the facts are right."""
    (media,) = publish(studio, "kodi-tv", "pages/feed-1.rss")
    root = _xml(media.path.with_suffix(".nfo").read_bytes())
    assert root.tag == "episodedetails"
    assert {element.tag for element in root} <= KODI_EPISODE
    assert (root.findtext("season"), root.findtext("episode")) == ("2024", "11101")
    assert (root.findtext("aired"), root.findtext("showtitle")) == ("2024-01-11", "Local channel")
    assert root.find("uniqueid") is not None
    show = _xml((media.path.parent.parent / "tvshow.nfo").read_bytes())
    assert (show.tag, show.findtext("title")) == ("tvshow", "Local channel")


def test_tags_are_inside_the_file(studio: Studio) -> None:
    """Plex reads the title, the show and the chapters from the file itself."""
    (media,) = publish(studio, "plex-tv", "pages/feed-1.rss")
    seen = subprocess.run([str(find_ffmpeg()), "-i", str(media.path)], capture_output=True, check=False)
    text = seen.stderr.decode()
    for name, value in (("title", "Test clip 1"), ("show", "Local channel")):
        assert re.search(rf"{name}\s+: {value}", text)
    assert len(re.findall(r"Chapter #0:\d", text)) == 3
    assert not re.search(r"season_number|episode_sort|smuggle", text)


@pytest.mark.parametrize("feed", ["pictured/feed-3.rss", "feed/3.rss"])
def test_an_item_costs_three_requests(studio: Studio, feed: str) -> None:
    """Page, media and thumbnail, counted at the site, whether or not the page states the media's type."""
    before = len(studio.site.requests())
    publish(studio, "jellyfin-tv", feed)
    assert len(studio.site.requests()) - before == 1 + 3 * 3


def test_an_entry_without_a_thumbnail_costs_no_request_for_one(studio: Studio) -> None:
    """What is not there is not waited for, nor asked for: page and media."""
    before = len(studio.site.requests())
    publish(studio, "jellyfin-tv", "files/2/norange/vid001.mp4.rss")
    assert len(studio.site.requests()) - before == 1 + 2 * 2
    assert not [name for name in studio.shelf() if name.endswith(".jpg")]


def test_a_day_with_several_uploads_counts_them(studio: Studio) -> None:
    """The oldest of the day is the first, whatever comes first in the list."""
    publish(studio, "jellyfin-tv", "pictured/feed-3.rss")
    numbers = [found["e"] for found in map(JELLYFIN.match, studio.shelf()) if found]
    assert sorted(set(numbers)) == ["011001", "011002", "011003"]


def test_a_late_upload_renames_nobody(studio: Studio) -> None:
    """A further item of the same day gets the next number; without any record the shelf itself tells."""
    publish(studio, "jellyfin-tv", "pictured/feed-2.rss", show="Show")
    before = studio.shelf()
    publish(studio, "jellyfin-tv", "pictured/feed-3.rss", show="Show")
    assert set(before) <= set(studio.shelf())
    assert len([name for name in studio.shelf() if name.endswith(".mp4")]) == 3


def test_what_a_person_put_into_the_show_stays(studio: Studio) -> None:
    """Neither notes nor poster are ever replaced."""
    folder = studio.library / "Local channel"
    folder.mkdir(parents=True)
    (folder / "tvshow.nfo").write_text("mine")
    (folder / "poster.png").write_bytes(b"mine too")
    publish(studio, "jellyfin-tv", "pages/feed-1.rss")
    assert (folder / "tvshow.nfo").read_text() == "mine"
    assert not (folder / "poster.jpg").exists()


@pytest.mark.parametrize(
    ("order", "episode"), [(1, 11001), (99, 11099), (100, 10_110_100), (998, 10_110_998)]
)
def test_a_slot_is_a_number_of_its_own(order: int, episode: int) -> None:
    """`MMDDNN`, and beyond 99 a range that no other day has."""
    assert Slot(day=date(2024, 1, 10), order=order).episode == episode


def test_a_book_never_changes_its_mind() -> None:
    """The same item has the same slot, even if the site changes its date; another never gets it."""
    book = MemoryBook()
    day, later = date(2024, 1, 10), date(2024, 2, 1)
    first = book.slot("s", "a", day=day, wanted=1, taken=frozenset(), own=None)
    other = book.slot("s", "b", day=day, wanted=1, taken=frozenset({2}), own=None)
    assert book.slot("s", "a", day=later, wanted=5, taken=frozenset(), own=None) == first
    assert (first.order, other.order) == (1, 3)


def test_notes_are_xml_whatever_the_title() -> None:
    """Control characters go; for Kodi those of four bytes go too."""
    notes = EpisodeNotes(title="a\x00b <&> 😀 \ud800", plot="x\x1b")
    assert _xml(episode_nfo(notes)).findtext("title") == "ab <&> 😀 "
    assert _xml(episode_nfo(notes, basic_plane=True)).findtext("title") == "ab <&>  "


def test_names_leave_room_for_every_sidecar(studio: Studio) -> None:
    """With the longest show and title every file still has a name, and the numbers in it survive."""
    publish(studio, "jellyfin-tv", "pictured/feed-1.rss", show="名" * 60)
    assert all("S2024E011001" in name for name in studio.shelf() if "Season 2024/" in name)
    assert all(len(part.encode()) <= 220 for name in studio.shelf() for part in name.split("/"))

"""What an address turns out to be, cheaply and in order."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.media.studio import Studio
from tests.site import ITEMS
from vidra.errors import Missing, Refused, UrlRefused
from vidra.media.addresses import NetworkPolicy
from vidra.media.interface import Listing
from vidra.media.session import MediaSession


def listed(studio: Studio, path: str, **values: Any) -> Listing:
    """List a path of the site."""
    with studio.session(**values) as session:
        return session.list(studio.site.url(path))


def test_a_single_page_is_a_list_of_one(studio: Studio) -> None:
    """A video page: no playlist, one entry with the page's own metadata."""
    listing = listed(studio, "v/vid001.html")
    (entry,) = listing.entries
    assert not listing.is_playlist
    assert (entry.title, entry.uploader, entry.duration) == ("Test clip 1", "Ada Example", 6.0)
    assert entry.upload_date == "2024-01-11"
    assert entry.thumbnails[-1].url.endswith("/m/vid001.jpg")


def test_a_feed_is_a_list_in_its_own_order(studio: Studio) -> None:
    """Newest first, 1-based, with the feed's ids."""
    listing = listed(studio, "feed.rss")
    assert listing.is_playlist
    assert listing.title == "Local channel"
    assert [(e.index, e.id) for e in listing.entries] == [
        (1, "vid004"), (2, "vid003"), (3, "vid002"), (4, "vid001"),
    ]  # fmt: skip


def test_smuggled_data_is_stripped_from_entries(studio: Studio) -> None:
    """SEC-03: what a feed smuggles into an address does not leave the room."""
    listing = listed(studio, "feed.rss")
    assert [entry.url for entry in listing.entries] == [
        studio.site.url(f"v/{item.id}.html") for item in reversed(ITEMS)
    ]


def test_keys_are_stable_and_different(studio: Studio) -> None:
    """Listing twice gives the same keys; no two entries share one."""
    first, second = (listed(studio, "podcast.rss") for _ in range(2))
    keys = [entry.key for entry in first.entries]
    assert keys == [entry.key for entry in second.entries]
    assert len(set(keys)) == len(keys)


def test_generic_ids_of_two_feeds_do_not_collide(studio: Studio) -> None:
    """`vid001` of one site is not `vid001` of another; yt-dlp's own key is kept beside ours."""
    one, two = listed(studio, "feed.rss").entries[0], listed(studio, "feed-hls.rss").entries[0]
    assert one.id == two.id
    assert one.key != two.key
    assert one.archive_key == two.archive_key == "generic vid004"


def test_a_listing_asks_for_nothing_but_the_list(studio: Studio) -> None:
    """One request, however long the feed."""
    studio.site.requests()
    listed(studio, "f/taglistonly/feed/50.rss")
    assert len(studio.site.requests("taglistonly")) == 1


def test_chosen_items_keep_their_places(studio: Studio) -> None:
    """`playlist_items` leaves entries out, and the rest keep their index."""
    listing = listed(studio, "feed.rss", playlist_items="2,4")
    assert [entry.index for entry in listing.entries] == [2, 4]


def test_a_list_can_be_taken_from_its_end(studio: Studio) -> None:
    """`playlist_reverse`: oldest first, indices as in the list."""
    listing = listed(studio, "feed.rss", playlist_reverse=True)
    assert [entry.index for entry in listing.entries] == [4, 3, 2, 1]


def test_a_page_of_several_videos_is_a_list(studio: Studio) -> None:
    """Each entry downloads its own video although all share one page."""
    with studio.session() as session:
        listing = session.list(studio.site.url("multi.html"))
        third = session.download(listing.entries[2], workdir=studio.work)
    assert third.path.read_bytes() == studio.site.file("m/vid003.mp4").read_bytes()


def test_a_podcast_episode_is_named_by_its_feed(studio: Studio) -> None:
    """The enclosure is a bare file; title and id come from the feed."""
    with studio.session() as session:
        listing = session.list(studio.site.url("podcast.rss"))
        media = session.download(listing.entries[3], workdir=studio.work, playlist=listing)
    assert media.path.name == "Test clip 1 [vid001].mp4"
    assert media.key == listing.entries[3].key


def test_list_fields_reach_the_output_template(studio: Studio) -> None:
    """`%(playlist_title)s` and `%(playlist_index)s` mean the list the entry came from."""
    template = "%(playlist_title)s/%(playlist_index)02d %(title)s.%(ext)s"
    with studio.session(output=template) as session:
        listing = session.list(studio.site.url("feed.rss"))
        session.download(listing.entries[1], workdir=studio.work, playlist=listing)
    assert studio.shelf() == ["Local channel/02 Test clip 3.mp4"]


def test_a_page_without_media_is_missing(studio: Studio) -> None:
    """Nothing to download is `Missing`, not a crash."""
    with pytest.raises(Missing, match="no media"):
        listed(studio, "list.html")


def test_a_private_address_is_refused(studio: Studio) -> None:
    """The guard's refusal comes out as UrlRefused, whatever yt-dlp wrapped it in."""
    from tests.media.studio import options

    with (
        MediaSession(options=options(), network=NetworkPolicy(), library=studio.library) as session,
        pytest.raises(UrlRefused),
    ):
        session.list(studio.site.url("feed.rss"))


@pytest.mark.parametrize(
    "address", ["file:///etc/hostname", "http://a.example/#__youtubedl_smuggle=%7B%7D", "ytsearch:x"]
)
def test_an_address_out_of_order_is_refused(studio: Studio, address: str) -> None:
    """SEC-03: neither other schemes nor smuggled data get as far as yt-dlp."""
    with studio.session() as session, pytest.raises(UrlRefused):
        session.list(address)


def test_one_item_can_be_looked_at(studio: Studio) -> None:
    """`extract` tells all that the page says, and refuses a list."""
    with studio.session() as session:
        entry = session.extract(studio.site.url("v/vid002.html"))
        with pytest.raises(Refused, match="a list"):
            session.extract(studio.site.url("multi.html"))
    assert (entry.title, entry.view_count, entry.tags) == ("Test clip 2: “Ü & <b>”", 1002, ("test", "n2"))


def test_nothing_is_printed(studio: Studio, capfd: pytest.CaptureFixture[str]) -> None:
    """Every line goes to the log sink."""
    studio.download("v/vid002.html")
    assert capfd.readouterr() == ("", "")
    assert studio.lines


MEASURE = """
import re, sys
from pathlib import Path
from typing import Any
from tests.media.studio import Studio
from tests.site import MediaSite
studio = Studio(site=MediaSite(Path(), sys.argv[1]), root=Path(sys.argv[2]))
with studio.session() as session:
    listing = session.list(studio.site.url("feed/5000.rss"))
peak = re.search(r"VmHWM:\\s+(\\d+) kB", Path("/proc/self/status").read_text())
print(len(listing.entries), int(peak[1]) // 1024)
"""


def test_five_thousand_entries_fit_into_200_megabytes(studio: Studio) -> None:
    """The peak of a whole process that lists them stays below the promise."""
    if not Path("/proc/self/status").exists():
        pytest.skip("the peak of one process, its parents' left out, is told by Linux only")
    done = subprocess.run(
        [sys.executable, "-c", MEASURE, studio.site.base, str(studio.root)],
        cwd=Path(__file__).parents[2], capture_output=True, text=True, check=True, timeout=60,
    )  # fmt: skip
    entries, megabytes = map(int, done.stdout.split())
    assert entries == 5000
    assert megabytes <= 200

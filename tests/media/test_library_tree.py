"""What a download leaves in the library: the golden trees."""

from __future__ import annotations

import dataclasses
import json
import re
import subprocess
from typing import Any

import pytest

from tests.media.studio import Studio, options
from tests.site.catalogue import HOSTILE_TITLES
from vidra.errors import VidraError
from vidra.media.addresses import NetworkPolicy
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.interface import DownloadedMedia
from vidra.media.session import MediaSession

EVERYTHING: dict[str, Any] = {
    "embed_metadata": True,
    "embed_chapters": True,
    "write_info_json": True,
    "write_thumbnail": True,
    "write_subs": True,
    "sub_langs": "all",
}


def test_a_full_download(studio: Studio) -> None:
    """Media, info JSON, picture and subtitles under one name, in the folder of the template; no remains."""
    media = studio.download("vh/vid001.html", output="%(uploader)s/%(title)s [%(id)s].%(ext)s", **EVERYTHING)
    assert studio.shelf() == [
        "Ada Example/Test clip 1 [vid001].de.vtt",
        "Ada Example/Test clip 1 [vid001].en.vtt",
        "Ada Example/Test clip 1 [vid001].info.json",
        "Ada Example/Test clip 1 [vid001].jpg",
        "Ada Example/Test clip 1 [vid001].mp4",
    ]
    assert studio.desk() == []
    assert {str(p.relative_to(studio.library)) for p in (media.path, *media.sidecars)} == set(studio.shelf())


def test_the_info_json_is_yt_dlp_s_and_names_no_paths(studio: Studio) -> None:
    """Usable by other programs; nothing of our work folder is in it."""
    media = studio.download("v/vid001.html", write_info_json=True)
    (notes,) = media.sidecars
    text = notes.read_text()
    assert json.loads(text)["title"] == "Test clip 1"
    assert str(studio.work) not in text
    assert "vidra" not in text


def test_metadata_and_chapters_are_in_the_file(studio: Studio) -> None:
    """Title and three chapters, as ffmpeg sees them."""
    media = studio.download("v/vid001.html", **EVERYTHING)
    seen = subprocess.run([str(find_ffmpeg()), "-i", str(media.path)], capture_output=True, check=False)
    text = seen.stderr.decode()
    assert re.search(r"title\s+: Test clip 1", text)
    assert len(re.findall(r"Chapter #0:\d", text)) == 3


def test_the_archive_preset_makes_a_matroska_with_everything_inside(studio: Studio) -> None:
    """Streams, subtitles and cover in one mkv."""
    media = studio.download(
        "vh/vid001.html", merge_output_format="mkv", remux_video="mkv", embed_subs=True, sub_langs="all",
        embed_thumbnail=True, embed_metadata=True,
    )  # fmt: skip
    assert media.path.suffix == ".mkv"
    assert media.duration == pytest.approx(6.0, abs=0.3)


def test_sound_only(studio: Studio) -> None:
    """`extract_audio` leaves one sound file."""
    media = studio.download("v/vid001.html", extract_audio=True, audio_format="mp3")
    assert studio.shelf() == ["Test clip 1 [vid001].mp3"]
    assert media.duration == pytest.approx(6.0, abs=0.3)


@pytest.mark.parametrize("page", ["va/vid001.html", "vd/vid001.html", "og/vid001.html", "h5/vid001.html"])
def test_other_ways_to_publish(studio: Studio, page: str) -> None:
    """Encrypted HLS (AES-128), DASH with two streams, OpenGraph and a video element."""
    media = studio.download(page)
    assert media.duration == pytest.approx(6.0, abs=0.3)
    assert len(studio.shelf()) == 1


def test_a_second_download_fetches_nothing(studio: Studio) -> None:
    """With its info JSON beside it, the same video is recognised: reused, and the file is not asked for."""
    studio.download("v/vid002.html", write_info_json=True)
    before = len(studio.site.requests("/m/vid002.mp4"))
    again = studio.download("v/vid002.html", write_info_json=True)
    assert again.reused
    assert len([r for r in studio.site.requests("/m/vid002.mp4")[before:] if r.sent > 300_000]) <= 1
    assert len(studio.shelf()) == 2


def test_a_known_file_is_reused_without_a_request(studio: Studio) -> None:
    """When the caller remembers where the key went, not even the page is read."""
    first = studio.download("v/vid003.html")
    with studio.session() as session:
        asked = len(studio.site.requests())
        again = session.download(studio.entry("v/vid003.html"), workdir=studio.work, existing=first.path)
        assert len(studio.site.requests()) == asked
    assert (again.reused, again.path, again.size) == (True, first.path, first.size)


def test_a_torn_file_is_not_reused(studio: Studio) -> None:
    """What an earlier life left half is downloaded again, and replaced."""
    first = studio.download("v/vid003.html", write_info_json=True)
    whole = first.path.read_bytes()
    first.path.write_bytes(whole[: len(whole) // 2])
    again = studio.download("v/vid003.html", write_info_json=True)
    assert (again.reused, again.path) == (False, first.path)
    assert again.path.read_bytes() == whole


@pytest.mark.parametrize("number", range(len(HOSTILE_TITLES)))
def test_hostile_titles_stay_inside(studio: Studio, number: int) -> None:
    """SEC-14: whatever a page is called, its file is in the library and nowhere else."""
    media = studio.download(f"evil/{number}.html", output="%(title)s.%(ext)s")
    assert media.path.resolve().is_relative_to(studio.library.resolve())
    assert len(studio.shelf()) == 1
    assert media.path.parent == studio.library.resolve()


@pytest.mark.parametrize("extension", ["exe", "sh", "desktop", "lnk", "url", "webloc", "mp4%2F..%2Fx"])
def test_hostile_extensions_stay_out(studio: Studio, extension: str) -> None:
    """SEC-04: the download fails or becomes media; never a program in the library."""
    try:
        studio.download(f"ext/{extension}.html")
    except VidraError:
        assert studio.shelf() == []
    else:
        assert all(name.endswith(".mp4") for name in studio.shelf())


def test_hostile_list_titles_stay_inside(studio: Studio) -> None:
    """SEC-14: nor does the name of the list lead anywhere."""
    with studio.session(output="%(playlist_title)s/%(title)s.%(ext)s") as session:
        listing = session.list(studio.site.url("feed.rss"))
        evil = dataclasses.replace(listing, title="../../../x\\..\\y/abs\0")
        media = session.download(listing.entries[0], workdir=studio.work, playlist=evil)
    assert media.path.resolve().is_relative_to(studio.library.resolve())


def test_a_job_may_have_a_home_of_its_own(studio: Studio) -> None:
    """`MediaOptions.home` replaces the library as the root."""
    home = studio.root / "other"
    session = MediaSession(
        options=dataclasses.replace(options(), home=home), network=NetworkPolicy(allow_private=True),
        library=studio.library,
    )  # fmt: skip
    with session:
        media: DownloadedMedia = session.download(studio.entry("v/vid004.html"), workdir=studio.work)
    assert media.path.parent == home
    assert studio.shelf() == []

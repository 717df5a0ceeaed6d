"""The trees of the output presets, file by file: what each media server documents, and no more."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest
from yt_dlp.postprocessor.sponsorblock import SponsorBlockPP

from tests.media.studio import Studio
from tests.media.test_publishing import PRESETS, publish
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.interface import MediaEntry, Thumbnail
from vidra.media.naming import make_parent, render_target
from vidra.media.options import OptionLayer, Origin, find_preset, resolve_options

TWO_YEARS = "dated/20231231,20240101,20240101.rss"
"""A feed of three pages, two of them from the same day of the next year."""
FORBIDDEN = frozenset('<>:"/\\|?*')
LONGEST_PATH_PART = 255
"""Bytes: ext4, XFS, ZFS, Btrfs; NTFS, exFAT and APFS count characters, of which there are no more."""


def described(media: Path) -> str:
    """Return what ffmpeg says of a file."""
    seen = subprocess.run([str(find_ffmpeg()), "-i", str(media)], capture_output=True, check=False)
    return seen.stderr.decode()


def episodes(
    show: str, numbers: dict[str, str], suffixes: tuple[str, ...], join: str = " S{}E{} - "
) -> list[str]:
    """Return the files of episodes, given title by `year/number`."""
    return [
        f"{show}/Season {year}/{show}{join.format(year, number)}{title}{suffix}"
        for place, title in numbers.items()
        for year, number in [place.split("/")]
        for suffix in suffixes
    ]


DATED = {"2023/123101": "Dated 1", "2024/010101": "Dated 2", "2024/010102": "Dated 3"}


@pytest.mark.parametrize("preset", ["emby-tv", "kodi-tv"])  # `emby-tv` is `jellyfin-tv` by another name
def test_a_show_of_two_years_for_jellyfin_emby_and_kodi(studio: Studio, preset: str) -> None:
    """Golden: a season and its poster a year; two uploads of one day are numbered in their order."""
    publish(studio, preset, TWO_YEARS)
    shared = ["poster.jpg", "season2023-poster.jpg", "season2024-poster.jpg", "tvshow.nfo"]
    assert studio.shelf() == sorted(
        [*episodes("Dated", DATED, (".mp4", ".nfo", "-thumb.jpg")), *(f"Dated/{name}" for name in shared)]
    )


def test_a_show_of_two_years_for_plex(studio: Studio) -> None:
    """Golden: pictures bear the episode's own name, season posters lie in their seasons."""
    publish(studio, "plex-tv", TWO_YEARS)
    shared = ["poster.jpg", "tvshow.nfo", "Season 2023/Season2023.jpg", "Season 2024/Season2024.jpg"]
    assert studio.shelf() == sorted(
        [
            *episodes("Dated", DATED, (".mp4", ".nfo", ".jpg"), join=" - s{}e{} - "),
            *(f"Dated/{name}" for name in shared),
        ]
    )


def test_a_podcast_of_two_years(studio: Studio) -> None:
    """Golden: one folder, files by date, one cover."""
    publish(studio, "podcast", TWO_YEARS)
    names = [re.sub(r" \[.+\]\.m4a$", "", name) for name in studio.shelf()]
    assert names == [
        "Dated/2023-12-31 - Dated 1", "Dated/2024-01-01 - Dated 2", "Dated/2024-01-01 - Dated 3",
        "Dated/cover.jpg",
    ]  # fmt: skip


def test_the_plain_archive(studio: Studio) -> None:
    """Golden: by uploader and year; description, info JSON, picture and subtitles beside the file."""
    media = publish(studio, "archive", "feed-hls.rss")[0]
    base = "Bob Example/2024/20240114 Test clip 4 [vid004]"
    four = [name for name in studio.shelf() if name.startswith(base)]
    assert four == [
        f"{base}.de.vtt", f"{base}.description", f"{base}.en.vtt", f"{base}.info.json", f"{base}.jpg",
        f"{base}.mp4",
    ]  # fmt: skip
    said = described(media.path)
    assert len(re.findall(r"Stream #0:\d+.*Subtitle", said)) == 2
    assert {name.split("/")[0] for name in studio.shelf()} == {"Ada Example", "Bob Example"}


@pytest.mark.parametrize("preset", ["jellyfin-tv", "plex-tv"])
def test_subtitles_chapters_and_tags_of_a_show(studio: Studio, preset: str) -> None:
    """Subtitles as SRT beside the file and inside it; three chapters; title and show as tags."""
    newest = publish(studio, preset, "feed-hls.rss", sub_langs="all")[0]
    stem = newest.path.with_suffix("")
    assert {f"{stem}.{language}.srt" for language in ("de", "en")} <= set(map(str, newest.sidecars))
    said = described(newest.path)
    assert len(re.findall(r"Stream #0:\d+.*Subtitle", said)) == 2
    assert len(re.findall(r"Chapter #0:\d", said)) == 3
    assert re.search(r"(?i)\bshow\s+: Local channel", said)
    assert re.search(r"(?i)\btitle\s+: Test clip 4", said)


def test_a_list_s_own_pictures_become_poster_and_fanart(studio: Studio) -> None:
    """A channel's avatar and banner; the item's picture is only its own."""
    picture = {number: studio.site.url(f"m/vid00{number}.jpg") for number in (3, 4)}
    pictures = (
        Thumbnail(url=picture[3], id="avatar_uncropped"), Thumbnail(url=picture[4], id="banner_uncropped"),
    )  # fmt: skip
    publish(studio, "jellyfin-tv", "pages/feed-1.rss", listed={"thumbnails": pictures})
    shelf = studio.library / "Local channel"
    assert (shelf / "poster.jpg").read_bytes() == studio.site.file("m/vid003.jpg").read_bytes()
    assert (shelf / "fanart.jpg").read_bytes() == studio.site.file("m/vid004.jpg").read_bytes()


@pytest.mark.parametrize(("option", "seconds", "marked"), [("remove", 4.0, False), ("mark", 6.0, True)])
def test_sponsors_are_cut_out_or_marked(
    studio: Studio, monkeypatch: pytest.MonkeyPatch, option: str, seconds: float, marked: bool
) -> None:
    """Asked of a SponsorBlock server here; what was cut is no reason to call the file torn, then or later."""
    # yt-dlp asks about YouTube's items only; ours are to count as such.
    monkeypatch.setitem(SponsorBlockPP.EXTRACTORS, "Generic", "YouTube")
    values: dict[str, Any] = {
        f"sponsorblock_{option}": ["sponsor"],
        "sponsorblock_api": studio.site.base,
    }
    # HLS: a file that has chapters of its own keeps them, whatever yt-dlp wants to write.
    (media,) = publish(studio, "jellyfin-tv", "vh/vid001.html", **values)
    asked = studio.site.requests("/api/skipSegments/")
    assert media.duration == pytest.approx(seconds, abs=1.0)  # cuts are at key frames
    assert ("[SponsorBlock]" in described(media.path)) is marked
    with studio.session(**values) as session:
        entry = MediaEntry(key=media.key, url=media.entry.url, duration=media.entry.duration)
        again = session.download(entry, workdir=studio.work, existing=media.path)
    assert asked
    assert again.reused


@pytest.mark.parametrize("preset", ["jellyfin-tv", "kodi-tv", "plex-tv", "podcast", "music", "archive"])
@pytest.mark.parametrize(
    "title", ["名" * 200, "👩‍👩‍👧‍👦" * 80, "e\u0301" * 300, 'CON: <a>|"b"?*\\', "x" * 400, "... . "]
)
def test_names_are_valid_everywhere_and_leave_room(preset: str, title: str, tmp_path: Path) -> None:
    """On ext4, NTFS, exFAT and APFS, with the longest sidecar's ending."""
    template = resolve_options(
        find_preset(PRESETS, preset).layer, OptionLayer(origin=Origin.OWNER, values={})
    ).output_template
    info = {
        "title": title, "series": title, "album": title, "artist": title, "uploader": title, "id": "x" * 80,
        "season_number": 2024, "episode_number": 123101, "upload_date": "20241231", "album_artist": title,
    }  # fmt: skip
    target = make_parent(render_target(template, info, root=tmp_path, ext="webm"), tmp_path)
    target.with_name(f"{target.stem}.en-US.f137.mp4.part-Frag12345.part").write_bytes(b"")
    for part in target.relative_to(tmp_path).parts:
        assert not FORBIDDEN & set(part)
        assert part[-1] not in ". "
        assert part.partition(".")[0].strip().lower() not in {"con", "aux", "nul", "prn"}
        assert len(part.encode()) <= LONGEST_PATH_PART
        assert len(part.encode("utf-16-le")) <= 2 * LONGEST_PATH_PART


def test_a_podcast_feed_is_asked_for_nothing_in_vain(studio: Studio) -> None:
    """The feed once, each enclosure probed and fetched; no picture that is not there, no second try."""
    before = len(studio.site.requests())
    publish(studio, "podcast", "podcast.rss")
    requests = studio.site.requests()[before:]
    assert len([name for name in studio.shelf() if name.endswith((".m4a", ".opus", ".mp3"))]) == 4
    assert len(requests) <= 1 + 4 * 3
    assert all(one.status is not None and one.status < 400 for one in requests)

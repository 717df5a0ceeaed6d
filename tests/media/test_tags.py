"""Tags that are written without ffmpeg: the same as ffmpeg writes, and never at the cost of a file."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.site import MediaSite
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.mp4_tags import NotForUsError, write_tags

TAGS = {
    "title": "Grüße & <b> “x”", "artist": "Somebody", "album": "A show", "album_artist": "All",
    "date": "20240110",
    "description": "Line one\nline two", "synopsis": "Line one\nline two", "comment": "https://x.org/1",
    "purl": "https://x.org/1", "track": "3/12", "disc": "1", "composer": "C", "genre": "Talk",
    "show": "A show", "season_number": "12", "episode_id": "The one", "episode_sort": "110",
}  # fmt: skip


def _ffmpeg(*arguments: str | Path) -> str:
    command = [str(find_ffmpeg()), "-hide_banner", "-nostdin", "-y", *map(str, arguments)]
    return subprocess.run(command, check=False, capture_output=True, text=True).stderr


def _said(media: Path) -> list[str]:
    """Return what ffmpeg says of a file, sorted, without its name, its rate and who wrote it."""
    lines = _ffmpeg("-i", media).partition("Input #0")[2].splitlines()[1:]
    told = [line.strip() for line in lines if not line.strip().startswith(("encoder", "At least one"))]
    return sorted(line for line in told if not line.startswith("Duration"))


def _content(media: Path) -> str:
    command = [
        str(find_ffmpeg()),
        "-v",
        "error",
        "-i",
        str(media),
        "-map",
        "0",
        "-c",
        "copy",
        "-f",
        "framemd5",
        "-",
    ]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def _tagged(source: Path, target: Path, tags: dict[str, str] = TAGS, **languages: str) -> Path:
    spoken = {int(number[1:]): language for number, language in languages.items()}
    write_tags(source, target, tags, languages=spoken, breathe=lambda: None)
    return target


def _by_ffmpeg(source: Path, target: Path, *more: str) -> Path:
    wishes = [word for name, value in TAGS.items() for word in ("-metadata", f"{name}={value}")]
    _ffmpeg("-i", source, "-map", "0", "-dn", "-c", "copy", *wishes, *more, "-movflags", "+faststart", target)
    return target


@pytest.fixture
def clip(media_site: MediaSite) -> Path:
    """Return a small file with picture and sound."""
    return media_site.file("m/vid001.mp4")


def test_the_tags_are_those_of_ffmpeg(clip: Path, tmp_path: Path) -> None:
    """Every tag that yt-dlp asks for, and the languages of the tracks, read back the same."""
    ours = _tagged(clip, tmp_path / "ours.mp4", s0="deu", s1="eng")
    theirs = _by_ffmpeg(
        clip, tmp_path / "theirs.mp4", "-metadata:s:0", "language=deu", "-metadata:s:1", "language=eng"
    )

    assert _said(ours) == _said(theirs)
    assert "(deu)" in "".join(_said(ours))


@pytest.mark.parametrize("flags", ["+faststart", "+write_colr"])
def test_picture_and_sound_are_untouched(clip: Path, tmp_path: Path, flags: str) -> None:
    """Each packet of each track, whether the index stood in front of the media or behind it."""
    source = tmp_path / "source.mp4"
    _ffmpeg("-i", clip, "-map", "0", "-c", "copy", "-movflags", flags, source)

    ours = _tagged(source, tmp_path / "ours.mp4")

    assert _content(ours) == _content(source)
    assert ours.read_bytes().index(b"moov") < ours.read_bytes().index(b"mdat")


def test_a_tag_is_replaced_or_taken_out_and_others_stay(clip: Path, tmp_path: Path) -> None:
    """What is not spoken of is kept; an empty tag goes."""
    first = _by_ffmpeg(clip, tmp_path / "first.mp4")

    said = "\n".join(_said(_tagged(first, tmp_path / "ours.mp4", {"title": "New", "comment": ""})))

    assert "title           : New" in said
    assert "comment" not in said
    assert "artist          : Somebody" in said


@pytest.mark.parametrize("damage", ["fragmented", "cut", "foreign"])
def test_odd_files_are_left_to_ffmpeg(clip: Path, tmp_path: Path, damage: str) -> None:
    """In fragments, cut short, no MP4 at all: refused before anything is written."""
    source, target = tmp_path / "source.mp4", tmp_path / "target.mp4"
    if damage == "fragmented":
        _ffmpeg("-i", clip, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov", source)
    else:
        whole = clip.read_bytes()
        source.write_bytes(whole[: len(whole) * 2 // 3] if damage == "cut" else b"\x1a\x45\xdf\xa3" * 100)

    with pytest.raises(NotForUsError):
        _tagged(source, target)
    assert not target.exists()

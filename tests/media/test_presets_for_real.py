"""Each shipped preset, and the client's whole set of options, downloads something for real."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.media.studio import Studio
from tests.media.test_option_policy import CLIENT_DEFAULTS
from vidra.datafiles import shipped
from vidra.media.addresses import NetworkPolicy
from vidra.media.interface import DownloadedMedia
from vidra.media.options import MediaOptions, OptionLayer, Origin, load_presets, resolve_options
from vidra.media.probing import parse_description
from vidra.media.session import MediaSession

PRESETS = load_presets(shipped("config") / "presets")


def download(studio: Studio, options: MediaOptions) -> DownloadedMedia:
    """Download one page with these options."""
    policy = NetworkPolicy(allow_private=True)
    with MediaSession(options=options, network=policy, library=studio.library) as session:
        return session.download(studio.entry("v/vid001.html"), workdir=studio.work)


@pytest.mark.parametrize(
    ("name", "kinds"), [("best-video", {"mkv", "mp4"}), ("best-audio", {"m4a"}), ("archive", {"mkv", "mp4"})]
)
def test_a_preset_downloads(studio: Studio, name: str, kinds: set[str]) -> None:
    """The file is where the preset's template says, and of the kind the preset promises."""
    media = download(studio, resolve_options(PRESETS[name].layer))
    assert media.path.is_relative_to(studio.library)
    assert media.path.suffix[1:] in kinds
    assert any(path.name.endswith(".info.json") for path in media.sidecars) == (name == "archive")


def test_what_the_client_sends_downloads(studio: Studio) -> None:
    """All 68 keys as the client sends them, into the folder that it names."""
    values = {**CLIENT_DEFAULTS, "paths": {"home": str(studio.library / "Videos")}}
    options = resolve_options(
        PRESETS["best-video"].layer, OptionLayer(origin=Origin.JOB, values=values), roots=[studio.library]
    )
    media = download(studio, options)
    assert media.path.parent == studio.library / "Videos"
    assert media.path.name.startswith("Test clip")
    assert Path(media.path).stat().st_size == media.size


def test_the_info_json_goes_into_a_matroska_file(studio: Studio) -> None:
    """With the ffmpeg wheel alone: yt-dlp asks ffprobe for the attachments, ours answers."""
    layer = OptionLayer(origin=Origin.JOB, values={"remux_video": "mkv", "sponsorblock_mark": ["all"]})
    media = download(studio, resolve_options(PRESETS["archive"].layer, layer))
    assert media.path.suffix == ".mkv"
    assert b"application/json" in media.path.read_bytes()


def test_what_ffmpeg_says_is_read_like_ffprobe() -> None:
    """Duration, format, streams and the tags below them."""
    said = """
Input #0, matroska,webm, from 'file:a.mkv':
  Metadata:
    title           : Stream #0:9: Video: none
  Duration: 01:02:03.50, start: 0.000000, bitrate: 61 kb/s
  Stream #0:0(eng): Video: h264 (High), yuv420p(progressive), 320x180, 25 fps
      Metadata:
        DURATION        : 00:00:03.000000000
  Stream #0:1[0x2](und): Audio: aac (LC), 44100 Hz, mono, fltp
  Stream #0:2: Attachment: none
      Metadata:
        filename        : info.json
        mimetype        : application/json
"""
    found = parse_description(said)
    assert found["format"] == {"duration": 3723.5, "format_name": "matroska,webm"}
    assert [stream["codec_type"] for stream in found["streams"]] == ["video", "audio", "attachment"]
    assert found["streams"][2]["tags"]["mimetype"] == "application/json"

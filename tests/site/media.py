"""Generates the clips once per machine and keeps them in a cache folder that parallel test runs share."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import filelock
import imageio_ffmpeg

from tests.site.catalogue import ITEMS, SMALL, Item

_X264: Final = ("-c:v", "libx264", "-preset", "ultrafast", "-pix_fmt", "yuv420p", "-g", "50")
_AES_KEY: Final = bytes(range(16))
_TAIL: Final = b"\x00\x00\x00\x40free" + b"first edition".ljust(56, b"\0")


def ffmpeg() -> str:
    """Return the ffmpeg on PATH, or the one in the imageio-ffmpeg wheel."""
    return shutil.which("ffmpeg") or imageio_ffmpeg.get_ffmpeg_exe()


def media_folder() -> Path:
    """Return the folder with the generated files; the first call on a machine makes it (about 2 s).

    Its name holds a hash of the generator, so a changed generator never meets old files.
    """
    sources = (Path(__file__), Path(__file__).with_name("catalogue.py"))
    key = hashlib.sha256(b"".join(path.read_bytes() for path in sources)).hexdigest()[:16]
    cache = Path(tempfile.gettempdir()) / f"vidra-test-media-{os.getuid() if hasattr(os, 'getuid') else 0}"
    folder = cache / key
    if not folder.is_dir():
        cache.mkdir(mode=0o700, exist_ok=True)
        with filelock.FileLock(cache / f"{key}.lock"):
            if not folder.is_dir():
                _generate_into(folder)
    return folder


def other_edition(name: str, content: bytes) -> bytes:
    """Return the same media with other bytes at both ends, of the same size: what a re-upload looks like."""
    if not name.endswith(".mp4") or not content.endswith(_TAIL):
        return content
    # The minor version of `ftyp` and the `free` box at the end mean nothing to a player.
    tail = _TAIL.replace(b"first edition", b"other edition")
    return content[:12] + b"\0\0\0\x09" + content[16 : -len(_TAIL)] + tail


def _generate_into(folder: Path) -> None:
    """Make everything beside the final place and rename: a killed run leaves no half folder."""
    scratch = Path(tempfile.mkdtemp(dir=folder.parent, prefix="making-"))
    for name in ("m", "hls", "aes", "dash"):
        (scratch / name).mkdir()
    with ThreadPoolExecutor(2) as pool:
        jobs = [pool.submit(_big, scratch), *(pool.submit(_clip, scratch, item) for item in (*ITEMS, SMALL))]
        for job in jobs:
            job.result()
    scratch.rename(folder)


def _run(*arguments: object) -> None:
    """Run ffmpeg, quietly, without a terminal."""
    command = [ffmpeg(), "-nostdin", "-v", "error", "-y", *map(str, arguments)]
    subprocess.run(command, check=True, stdin=subprocess.DEVNULL)


def _clip(out: Path, item: Item) -> None:
    _progressive(out / "m", item)
    if item in ITEMS:
        _subtitles(out / "m", item)
        _hls(out, item)
        _dash(out, item)
    if item is ITEMS[0]:
        _encrypted_hls(out, item)
        _audio_only(out / "m", item)


def _progressive(m: Path, item: Item) -> None:
    """One MP4 with chapters, one picture of it."""
    meta = m / f"{item.id}.ffmeta"
    meta.write_text(_ffmetadata(item), encoding="utf-8")
    target = m / f"{item.id}.mp4"
    picture = f"testsrc2=s=320x180:r=25:d={item.duration}"
    sound = f"sine=f={300 + 50 * item.number}:d={item.duration}"
    _run("-f", "lavfi", "-i", picture, "-f", "lavfi", "-i", sound, "-i", meta, "-map", "0:v", "-map", "1:a",
         "-map_metadata", "2", *_X264, "-c:a", "aac", "-b:a", "64k", "-movflags", "+faststart", "-shortest",
         target, "-map", "0:v", "-frames:v", "1", m / f"{item.id}.jpg")  # fmt: skip
    meta.unlink()
    with target.open("ab") as file:
        file.write(_TAIL)


def _audio_only(m: Path, item: Item) -> None:
    _run("-i", m / f"{item.id}.mp4", "-map", "0:a", "-c:a", "libmp3lame", "-b:a", "64k", m / f"{item.id}.mp3")


def _ffmetadata(item: Item) -> str:
    chapters = "".join(
        f"[CHAPTER]\nTIMEBASE=1/1000\nSTART={int(c.start * 1000)}\nEND={int(c.end * 1000)}\ntitle={c.title}\n"
        for c in item.chapters
    )
    return f";FFMETADATA1\ntitle={item.title}\nartist={item.uploader}\n{chapters}"


def _subtitles(m: Path, item: Item) -> None:
    for language, word in (("en", "Second"), ("de", "Sekunde")):
        cues = [
            f"00:00:{second:02d}.000 --> 00:00:{second + 1:02d}.900\n{word} {second}\n"
            for second in range(0, int(item.duration), 2)
        ]
        (m / f"{item.id}.{language}.vtt").write_text("\n".join(["WEBVTT\n", *cues]), encoding="utf-8")


def _hls(out: Path, item: Item) -> None:
    """Two video renditions in 2 s segments, two WebVTT renditions."""
    folder = out / "hls" / item.id
    folder.mkdir()
    common = ("-hls_time", "2", "-hls_playlist_type", "vod")
    _run("-i", out / "m" / f"{item.id}.mp4", "-map_chapters", "-1", "-map_metadata", "-1",
         "-c", "copy", "-f", "hls", *common,
         "-hls_segment_filename", folder / "hi%03d.ts", folder / "hi.m3u8",
         "-map_chapters", "-1", "-map_metadata", "-1", "-s", "192x108", *_X264, "-c:a", "copy", "-f", "hls",
         *common, "-hls_segment_filename", folder / "lo%03d.ts", folder / "lo.m3u8")  # fmt: skip
    for language in ("en", "de"):
        shutil.copy(out / "m" / f"{item.id}.{language}.vtt", folder / f"{language}.vtt")
        (folder / f"{language}.m3u8").write_text(_subtitle_playlist(language, item.duration))
    (folder / "master.m3u8").write_text(_MASTER)


_MASTER: Final = """#EXTM3U
#EXT-X-VERSION:3
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="English",LANGUAGE="en",AUTOSELECT=YES,URI="en.m3u8"
#EXT-X-MEDIA:TYPE=SUBTITLES,GROUP-ID="s",NAME="Deutsch",LANGUAGE="de",AUTOSELECT=YES,URI="de.m3u8"
#EXT-X-STREAM-INF:BANDWIDTH=300000,RESOLUTION=192x108,CODECS="avc1.42c015,mp4a.40.2",SUBTITLES="s"
lo.m3u8
#EXT-X-STREAM-INF:BANDWIDTH=700000,RESOLUTION=320x180,CODECS="avc1.42c015,mp4a.40.2",SUBTITLES="s"
hi.m3u8
"""


def _subtitle_playlist(language: str, duration: float) -> str:
    return (
        f"#EXTM3U\n#EXT-X-TARGETDURATION:{int(duration) + 1}\n#EXT-X-VERSION:3\n#EXT-X-PLAYLIST-TYPE:VOD\n"
        f"#EXTINF:{duration:.3f},\n{language}.vtt\n#EXT-X-ENDLIST\n"
    )


def _encrypted_hls(out: Path, item: Item) -> None:
    """AES-128, the key beside the segments."""
    folder = out / "aes" / item.id
    folder.mkdir()
    (folder / "key.bin").write_bytes(_AES_KEY)
    (folder / "key.info").write_text(f"key.bin\n{folder / 'key.bin'}\n")
    _run("-i", out / "m" / f"{item.id}.mp4", "-map_chapters", "-1", "-c", "copy", "-f", "hls",
         "-hls_time", "2", "-hls_playlist_type", "vod", "-hls_key_info_file", folder / "key.info",
         "-hls_segment_filename", folder / "seg%03d.ts", folder / "master.m3u8")  # fmt: skip
    (folder / "key.info").unlink()


def _dash(out: Path, item: Item) -> None:
    """Make a video and an audio set by ffmpeg, a subtitle set added by hand."""
    folder = out / "dash" / item.id
    folder.mkdir()
    manifest = folder / "manifest.mpd"
    _run("-i", out / "m" / f"{item.id}.mp4", "-map_chapters", "-1", "-map", "0:v", "-map", "0:a",
         "-c", "copy", "-f", "dash",
         "-seg_duration", "2", "-use_template", "1", "-use_timeline", "0", manifest)  # fmt: skip
    shutil.copy(out / "m" / f"{item.id}.en.vtt", folder / "en.vtt")
    subtitles = (
        '<AdaptationSet mimeType="text/vtt" lang="en" contentType="text"><Representation id="sub-en" '
        'bandwidth="100"><BaseURL>en.vtt</BaseURL></Representation></AdaptationSet></Period>'
    )
    manifest.write_text(manifest.read_text().replace("</Period>", subtitles))


def _big(out: Path) -> None:
    """Make a playable file of about 24 MB at a constant rate, for resume and rate tests."""
    target = out / "m" / "big.mp4"
    _run("-f", "lavfi", "-i", "testsrc2=s=640x360:r=25:d=12", "-f", "lavfi", "-i", "sine=f=440:d=12", *_X264,
         "-b:v", "16M", "-minrate", "16M", "-maxrate", "16M", "-bufsize", "16M", "-x264-params",
         "nal-hrd=cbr:force-cfr=1", "-c:a", "aac", "-movflags", "+faststart", target)  # fmt: skip
    with target.open("ab") as file:
        file.write(_TAIL)

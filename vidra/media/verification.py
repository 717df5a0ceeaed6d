"""Decides whether what arrived is what was announced; nothing else lets a file into the library.

MP4 and Matroska are read in place (under a millisecond); other containers cost one pass of ffmpeg.
"""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Final

from vidra.errors import VerificationFailed
from vidra.media.interruption import run_program
from vidra.media.matroska import read_matroska
from vidra.media.mp4 import Contents, read_mp4

MP4_SUFFIXES: Final = frozenset({".mp4", ".m4a", ".m4b", ".m4v", ".mov", ".3gp"})
MATROSKA_SUFFIXES: Final = frozenset({".mkv", ".webm", ".mka", ".weba"})

PROBE_TIMEOUT: Final = 600.0
"""Seconds; a gigabyte takes about two from a fast disk, and a network share may be slow."""

_HTML = re.compile(rb"^\s*(?:<!--.*?-->\s*)*<(?:!doctype\s+html|html|head|body)\b", re.IGNORECASE | re.DOTALL)
_DURATION = re.compile(r"Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)")
_STREAM = re.compile(r"Stream #\d+:\d+.*?: (Video|Audio): (\w+)([^\n]*)")


def check_arrival(path: Path, *, announced: int | None) -> None:
    """Raise VerificationFailed if a stream that just arrived is a web page or evidently cut short.

    `announced` is its size in bytes according to the page, for servers that do not tell it themselves.
    Cheap enough for every stream, and done before ffmpeg turns a web page into a riddle.
    """
    size = path.stat().st_size
    if size == 0:
        raise VerificationFailed(path, "it is empty")
    with path.open("rb") as file:
        if _HTML.match(file.read(1024)):
            raise VerificationFailed(path, "the server sent a web page instead of media")
    if announced is not None and size < announced:
        raise VerificationFailed(path, f"{announced} bytes were announced, {size} arrived")
    contents = _read_in_place(path)
    if contents and contents.missing:
        raise VerificationFailed(
            path, f"the end is missing: its own index promises {contents.missing} bytes more"
        )


def check_media(
    path: Path, *, duration: float | None, wants_video: bool | None, ffmpeg: Path | None
) -> Contents:
    """Return what a finished file contains; VerificationFailed if it is not sound.

    `duration` is what was announced, in seconds, or None to accept any. `wants_video` says whether a
    picture is expected; None means that sound or picture will do.
    """
    check_arrival(path, announced=None)
    contents = _read_in_place(path) or _probe(path, ffmpeg)
    if not (contents.has_video or contents.has_audio):
        raise VerificationFailed(path, "there is neither picture nor sound in it")
    if wants_video and not contents.has_video:
        raise VerificationFailed(path, "there is no picture in it")
    if duration and contents.duration is not None and contents.duration < duration - tolerance(duration):
        raise VerificationFailed(path, f"{duration:.1f} s were announced, {contents.duration:.1f} s arrived")
    return contents


def tolerance(duration: float) -> float:
    """Return by how many seconds a file may fall short: sites round, and encoders pad or trim."""
    return max(2.0, 0.03 * duration)


def _read_in_place(path: Path) -> Contents | None:
    reader = (
        read_mp4
        if path.suffix in MP4_SUFFIXES
        else read_matroska
        if path.suffix in MATROSKA_SUFFIXES
        else None
    )
    if reader is None:
        return None
    with path.open("rb") as file:
        return reader(file)


def _probe(path: Path, ffmpeg: Path | None) -> Contents:
    """Have ffmpeg read it to its end without decoding; there is no ffprobe in the wheel.

    Reading, because the header of an MP3 goes on promising what was cut off.
    """
    if ffmpeg is None:
        raise VerificationFailed(path, "only ffmpeg could tell what is in it, and there is none")
    command = [
        str(ffmpeg), "-nostdin", "-hide_banner", "-nostats", "-progress", "pipe:1",
        "-i", f"file:{path}", "-map", "0:v?", "-map", "0:a?", "-c", "copy", "-f", "null", "-",
    ]  # fmt: skip
    try:
        done = run_program(command, timeout=PROBE_TIMEOUT)
    except subprocess.TimeoutExpired as error:
        raise VerificationFailed(path, f"ffmpeg could not read it within {PROBE_TIMEOUT:.0f} s") from error
    text = done.stderr.decode(errors="replace")
    streams = _STREAM.findall(text.partition("Output #0")[0])
    if not streams:
        raise VerificationFailed(path, "no player could read it")
    promised, read = _seconds_promised(text), _seconds_read(done.stdout)
    if promised and read and read < promised - tolerance(promised):
        raise VerificationFailed(path, f"the end is missing: {read:.1f} of {promised:.1f} s are there")
    return Contents(
        duration=read or promised,
        has_video=any(kind == "Video" and "attached pic" not in rest for kind, _, rest in streams),
        has_audio=any(kind == "Audio" for kind, _, _ in streams),
    )


def _seconds_promised(text: str) -> float | None:
    found = _DURATION.search(text)
    return int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None


def _seconds_read(progress: bytes) -> float | None:
    """Return the last position in `-progress` output; a header may promise more than there is."""
    positions = re.findall(rb"^out_time_us=(\d+)$", progress, re.MULTILINE)
    return int(positions[-1]) / 1e6 if positions else None

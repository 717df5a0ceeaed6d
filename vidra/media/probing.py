"""Answers the questions that yt-dlp's post-processors put to ffprobe, with ffmpeg.

The ffmpeg wheel brings no ffprobe. Without an answer, marking chapters and attaching the info JSON would
fail whole downloads, although what they ask stands in what ffmpeg says about any file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from functools import partial
from typing import Any

from yt_dlp.postprocessor.ffmpeg import FFmpegPostProcessor

from vidra.media.foreign import Foreign

_DURATION = re.compile(r"^\s*Duration: (\d+):(\d\d):(\d\d(?:\.\d+)?)", re.MULTILINE)
_FORMAT = re.compile(r"^Input #0, (.+), from '", re.MULTILINE)
_STREAM = re.compile(r"^\s*Stream #0:\d+[^:]*(?:\([^)]*\))?: (\w+): (\w+)")
_TAG = re.compile(r"^\s{4,}(\w+)\s*: (.*)$")


def probe_without_ffprobe(ydl: Foreign) -> None:
    """Let the post-processors of this instance ask ffmpeg, if there is no ffprobe."""
    for steps in ydl._pps.values():  # noqa: SLF001 - yt-dlp offers no other way to reach them
        for step in steps:
            if isinstance(step, FFmpegPostProcessor) and not step.probe_available:
                step.get_metadata_object = partial(_ask_ffmpeg, step)


def parse_description(text: str) -> dict[str, Any]:
    """Return what `ffmpeg -i` says of a file in the form of `ffprobe -show_format -show_streams`."""
    found, name = _DURATION.search(text), _FORMAT.search(text)
    seconds = int(found[1]) * 3600 + int(found[2]) * 60 + float(found[3]) if found else None
    return {
        "format": {"duration": seconds, "format_name": name[1] if name else None},
        "streams": _streams(text),
    }


def _ask_ffmpeg(step: Foreign, path: str, opts: object = ()) -> Mapping[str, Any]:
    del opts  # how ffprobe is to be called
    # Called on the class: the audio step has a `run_ffmpeg` of its own with other parameters.
    run: Foreign = FFmpegPostProcessor.run_ffmpeg
    return parse_description(run(step, path, None, ["-hide_banner"], expected_retcodes=(1,)))


def _streams(text: str) -> list[dict[str, Any]]:
    """Collect the streams of the input, each with the tags that stand below it."""
    streams: list[dict[str, Any]] = []
    for line in text.partition("Output #0")[0].splitlines():
        stream, tag = _STREAM.match(line), _TAG.match(line)
        if stream:
            streams.append({"codec_type": stream[1].lower(), "codec_name": stream[2], "tags": {}})
        elif tag and streams:
            streams[-1]["tags"][tag[1]] = tag[2].strip()
    return streams

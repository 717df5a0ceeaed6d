"""Figures and stages in words; pure functions, shared by every display."""

from __future__ import annotations

import re
import unicodedata
from typing import Final

from rich.cells import cell_len, set_cell_size

from vidra.redaction import redact

ELLIPSIS: Final = "…"

_STAGES: Final = {
    "identificando": "identifying",
    "extracting_info": "identifying",
    "wait_for_elements": "listing entries",
    "getting_items": "listing entries",
    "wait_for_selection": "waiting for a selection",
    "downloading_fragments": "downloading",
    "completed": "done",
    "download_finished": "downloaded",
    "postprocessing": "processing",
    "preprocessing": "preparing",
    "merger": "merging",
    "metadata": "embedding metadata",
    "embed_subtitle": "embedding subtitles",
    "embed_thumbnail": "embedding the thumbnail",
    "embedding_thumbnail": "embedding the thumbnail",
    "thumbnails_convertor": "converting thumbnails",
    "processing_thumbnails": "converting thumbnails",
    "extract_audio": "extracting the audio",
    "video_remuxer": "changing the container",
    "video_convertor": "converting the video",
    "modify_chapters": "cutting chapters",
    "sponsor_block": "asking SponsorBlock",
    "move_files": "moving into the library",
    "move_files_after_download": "moving into the library",
    "concat": "joining",
}
"""Stage names of the client contract (section 9) and yt-dlp's post-processors, in snake case."""

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|.)?")
_WORD_STARTS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
_STEP = 1024
_UNITS = ("B", "KiB", "MiB", "GiB", "TiB")


def clean(text: str) -> str:
    """Return foreign text as one line without secrets, terminal escapes, controls or bidi overrides."""
    visible = _ESCAPES.sub("", redact(text))
    kept = "".join(" " if char.isspace() else char for char in visible if not _invisible(char))
    return " ".join(kept.split())


def _invisible(char: str) -> bool:
    category = unicodedata.category(char)
    joins = char in "\u200c\u200d"  # joiners carry meaning in scripts and emoji
    return not char.isspace() and not joins and category in {"Cc", "Cf", "Cs"}


def shorten(text: str, cells: int) -> str:
    """Cut the text to that many terminal cells, marking the cut; wide characters stay whole."""
    if cells <= 0:
        return ""
    if cell_len(text) <= cells:
        return text
    return set_cell_size(text, cells - 1).rstrip() + ELLIPSIS


def stage_words(stage: str | None, stage_name: str | None) -> str:
    """Return what is being done, in lower-case English; empty when nothing is known."""
    raw = (stage_name or stage or "").rpartition(":")[2].strip()
    key = _WORD_STARTS.sub("_", raw).lower().replace(" ", "_")
    return _STAGES.get(key) or clean(key.replace("_", " "))


def size(count: float) -> str:
    """Return bytes as `27.1 MiB`."""
    value, unit = float(count), 0
    while value >= _STEP and unit < len(_UNITS) - 1:
        value, unit = value / _STEP, unit + 1
    return f"{value:.0f} {_UNITS[unit]}" if unit == 0 else f"{value:.1f} {_UNITS[unit]}"


def speed(bytes_per_second: float) -> str:
    """Return a speed as `2.1 MiB/s`."""
    return f"{size(bytes_per_second)}/s"


def duration(seconds: float) -> str:
    """Return seconds as `0:07`, `12:30` or `1:02:03`."""
    minutes, rest = divmod(max(0, round(seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02}:{rest:02}" if hours else f"{minutes}:{rest:02}"


def percent(value: float) -> str:
    """Return a percentage as ` 45 %`, always five cells; 100 only when it is."""
    shown = 100 if value >= 100 else min(99, int(value))
    return f"{shown:3} %"


def count(number: int, noun: str, plural: str | None = None) -> str:
    """Return `1 entry`, `3 entries`."""
    return f"{number} {noun if number == 1 else plural or noun + 's'}"

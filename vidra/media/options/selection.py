"""Turns the wish for a resolution and languages into yt-dlp's format selection."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from vidra.errors import OptionRefused
from vidra.media.grammar import grammar, is_plain_selection

_AUDIO_ONLY = "bestaudio/best[acodec!=?none]"
_HAS_VIDEO = re.compile(
    r"\b(?:bv|bestvideo|wv|worstvideo|mergeall|all|b|best|w|worst)\b(?!audio)|\[(?:height|width|vcodec)"
)


def format_selection(values: Mapping[str, Any]) -> str | None:
    """Return the selection: what the wishes give, then `format` as the fall-back; None for yt-dlp's own.

    Raises OptionRefused if `format` is not in yt-dlp's grammar.
    """
    given: str | None = values.get("format")
    if given and not is_plain_selection(given):
        _check_grammar(given)
    if wants_only_audio(values):
        return _join([*_audio_wishes(values), *_sound_of(given), *_AUDIO_ONLY.split("/")])
    derived = _derived(values)
    return _join([*derived, given or "bestvideo*+bestaudio/best"]) if derived else given


def wants_only_audio(values: Mapping[str, Any]) -> bool:
    """Whether the result is a sound file."""
    return bool(values.get("extract_audio")) or values.get("video_resolution") == "none"


def _audio_wishes(values: Mapping[str, Any]) -> list[str]:
    return [f"bestaudio[language^={code}]" for code in _codes(values.get("audio_language"))]


def _sound_of(given: str | None) -> list[str]:
    """Keep what a person selected of sound; drop the video that clients always send along."""
    if not given or "(" in given:
        return []
    return [part for part in given.split("/") if not _HAS_VIDEO.search(part)]


def _derived(values: Mapping[str, Any]) -> list[str]:
    resolution, language = values.get("video_resolution"), values.get("audio_language")
    codes = _codes(language)
    height = f"[height<={resolution}]" if isinstance(resolution, int) else ""
    if language == "none":
        return [f"bestvideo{height}", *([] if not height else ["bestvideo"])]
    if language == "all":
        return [f"bestvideo{height}+mergeall[vcodec=none]", f"bestvideo{height}+bestaudio"]
    if not height and not codes:
        return []
    return [*_with_languages(f"bestvideo{height}", codes, values), *_whole(height, codes)]


def _with_languages(video: str, codes: Sequence[str], values: Mapping[str, Any]) -> list[str]:
    sounds = [f"bestaudio[language^={code}]" for code in codes]
    together = (
        ["+".join([video, *sounds])] if len(sounds) > 1 and values.get("audio_multistreams", True) else []
    )
    return [*together, *(f"{video}+{sound}" for sound in sounds), f"{video}+bestaudio"]


def _whole(height: str, codes: Sequence[str]) -> list[str]:
    """Select files that hold picture and sound together already."""
    spoken = [f"best{height}[language^={code}]" for code in codes]
    return [*spoken, f"best{height}"] if height else spoken


def _codes(language: object) -> tuple[str, ...]:
    return language if isinstance(language, tuple) else ()


def _join(alternatives: Sequence[str]) -> str:
    return "/".join(dict.fromkeys(alternatives))


def _check_grammar(selection: str) -> None:
    try:
        grammar().build_format_selector(selection)
    except SyntaxError as error:
        reason = str(error).splitlines()[0]
        raise OptionRefused(
            "format", f"not a format selection: {reason}", value=selection, remedy="for example `bv*+ba/b`"
        ) from error

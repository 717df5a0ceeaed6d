"""Turns embed, convert and SponsorBlock options into yt-dlp's chain of post-processors.

The order is yt-dlp's own: subtitles go in before chapters are cut, metadata after the container is final.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib.util import find_spec
from typing import Any

from vidra.media.options.selection import wants_only_audio

Processor = dict[str, Any]

_TAKES_COVER = frozenset(
    {"mp3", "mkv", "mka", "ogg", "opus", "vorbis", "flac", "m4a", "alac", "mp4", "m4v", "mov"}
)
_NEEDS_MUTAGEN = frozenset({"ogg", "opus", "vorbis", "flac"})
_CONVERTIBLE_SUBS = frozenset({"ass", "lrc", "srt", "vtt"})
_ALL_SEGMENTS = (
    "sponsor", "intro", "outro", "selfpromo", "preview", "filler", "interaction", "music_offtopic", "hook",
)  # fmt: skip
_POINTS = ("poi_highlight", "chapter")
_SPONSOR_TITLE = "[SponsorBlock]: %(category_names)l"


def postprocessors(values: Mapping[str, Any]) -> list[Processor]:
    """Return the post-processors that the merged options ask for, in the order in which they must run."""
    return [*_before_download(values), *_conversion(values), *_embedding(values)]


def subtitle_params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return yt-dlp's subtitle parameters; nothing is fetched for a sound file."""
    languages = _subtitle_languages(values)
    wanted = (
        values.get("write_subs")
        or values.get("embed_subs")
        or (isinstance(languages, list) and bool(languages))
    )
    if wants_only_audio(values) or languages == [] or not (wanted or values.get("write_auto_subs")):
        return {"writesubtitles": False, "writeautomaticsub": False}
    preferred = values.get("sub_format") or "best"
    return {
        "writesubtitles": bool(wanted),
        "writeautomaticsub": bool(values.get("write_auto_subs")),
        "subtitlesformat": preferred if preferred.endswith("best") else f"{preferred}/best",
        **({"subtitleslangs": languages} if languages else {}),
    }


def cover_problem(values: Mapping[str, Any]) -> str | None:
    """Return why the thumbnail cannot be embedded into what comes out, if that is known beforehand."""
    container = _final_container(values)
    if container is None or "/" in container or ">" in container:
        return None
    if container not in _TAKES_COVER:
        return f"{container} files cannot hold a thumbnail"
    if container in _NEEDS_MUTAGEN and find_spec("mutagen") is None:
        return f"{container} files take a thumbnail only with the `tags` extra installed"
    return None


def _before_download(values: Mapping[str, Any]) -> Iterator[Processor]:
    segments = _segments(values.get("sponsorblock_mark"), points=True) | _segments(
        values.get("sponsorblock_remove")
    )
    if segments:
        api = values.get("sponsorblock_api")
        yield {
            "key": "SponsorBlock",
            "categories": sorted(segments),
            **({"api": api} if api else {}),
            "when": "after_filter",
        }
    subtitles = _subtitle_conversion(values)
    if subtitles:
        yield {"key": "FFmpegSubtitlesConvertor", "format": subtitles, "when": "before_dl"}
    if values.get("convert_thumbnails") and (_keeps_thumbnail(values) or _embeds_thumbnail(values)):
        yield {
            "key": "FFmpegThumbnailsConvertor",
            "format": values["convert_thumbnails"],
            "when": "before_dl",
        }


def _conversion(values: Mapping[str, Any]) -> Iterator[Processor]:
    if wants_only_audio(values):
        yield {
            "key": "FFmpegExtractAudio",
            "preferredcodec": values.get("audio_format") or "best",
            "preferredquality": (values.get("audio_quality") or "5").rstrip("kK"),
        }
        return
    if values.get("recode_video"):
        yield {"key": "FFmpegVideoConvertor", "preferedformat": values["recode_video"]}
    elif values.get("remux_video"):
        yield {"key": "FFmpegVideoRemuxer", "preferedformat": values["remux_video"]}


def _embedding(values: Mapping[str, Any]) -> Iterator[Processor]:
    if values.get("embed_subs") and subtitle_params(values).get("writesubtitles"):
        yield {"key": "FFmpegEmbedSubtitle", "already_have_subtitle": bool(values.get("write_subs"))}
    removed = _segments(values.get("sponsorblock_remove"))
    if removed or values.get("sponsorblock_mark"):
        yield {
            "key": "ModifyChapters",
            "remove_sponsor_segments": sorted(removed),
            "sponsorblock_chapter_title": values.get("sponsorblock_chapter_title") or _SPONSOR_TITLE,
        }
    if any(values.get(name) for name in ("embed_metadata", "embed_chapters", "embed_info_json")):
        yield {
            "key": "FFmpegMetadata",
            "add_metadata": bool(values.get("embed_metadata")),
            "add_chapters": bool(values.get("embed_chapters")),
            "add_infojson": values.get("embed_info_json") or False,
        }
    if _embeds_thumbnail(values):
        yield {"key": "EmbedThumbnail", "already_have_thumbnail": _keeps_thumbnail(values)}
    if values.get("xattrs"):
        yield {"key": "XAttrMetadata"}


def _embeds_thumbnail(values: Mapping[str, Any]) -> bool:
    return bool(values.get("embed_thumbnail")) and cover_problem(values) is None


def _keeps_thumbnail(values: Mapping[str, Any]) -> bool:
    # Artwork is made of the thumbnail.
    return bool(values.get("write_thumbnail") or values.get("write_all_thumbnails") or _has_artwork(values))


def _has_artwork(values: Mapping[str, Any]) -> bool:
    return (values.get("artwork") or "none") != "none"


def thumbnail_params(values: Mapping[str, Any]) -> dict[str, Any]:
    """Return yt-dlp's thumbnail parameters: a picture to embed has to be fetched too."""
    every = values.get("write_thumbnail") == "all" or bool(values.get("write_all_thumbnails"))
    return {
        "writethumbnail": _keeps_thumbnail(values) or _embeds_thumbnail(values),
        "write_all_thumbnails": every,
    }


def _final_container(values: Mapping[str, Any]) -> str | None:
    if wants_only_audio(values):
        audio: str | None = values.get("audio_format")
        return None if audio == "best" else audio
    chosen: str | None = values.get("recode_video") or values.get("remux_video")
    return chosen


def _subtitle_languages(values: Mapping[str, Any]) -> list[str] | None:
    """Return yt-dlp's language patterns; None leaves the choice to it, [] means no subtitles."""
    asked = values.get("video_subtitles")
    if asked in ("all", "best") or values.get("all_subs"):
        return ["all"] if asked != "best" else None
    listed: list[str] = list(values.get("sub_langs") or ())
    if asked == "none":
        return listed
    languages: list[str] = [*(f"{code}.*" for code in asked or ()), *listed]
    return languages or None


def _subtitle_conversion(values: Mapping[str, Any]) -> str | None:
    if not subtitle_params(values)["writesubtitles"]:
        return None
    explicit: str | None = values.get("convert_subs")
    kept = values.get("sub_format") if values.get("write_subs") else None
    return explicit or (kept if kept in _CONVERTIBLE_SUBS else None)


def _segments(named: tuple[str, ...] | None, *, points: bool = False) -> set[str]:
    everything = {*_ALL_SEGMENTS, *(_POINTS if points else ())}
    asked = set(named or ())
    return everything if asked & {"all", "default"} else asked

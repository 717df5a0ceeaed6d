"""Options that say what is wanted: streams, containers, what is embedded and what lies beside."""

from __future__ import annotations

from vidra.media.options import kinds
from vidra.media.options.option import Option, allowed
from vidra.media.publication import Artwork, Layout, NfoStyle, Numbers

_FLAG = kinds.flag()
_CONTAINERS = ("avi", "flv", "mkv", "mov", "mp4", "webm")
_AUDIO_FORMATS = ("aac", "alac", "flac", "m4a", "mp3", "opus", "vorbis", "wav")
_REMUX = "|".join(
    (*_CONTAINERS, "gif", "aac", "aiff", "alac", "flac", "m4a", "mka", "mp3", "ogg", "opus", "vorbis", "wav")
)
_SEGMENTS = "sponsor|intro|outro|selfpromo|preview|filler|interaction|music_offtopic|hook"


def _resolution(value: object) -> str | int | None:
    if value is True or value in ("best", "all", "none"):
        return "best" if value is True else str(value)
    height: int | None = kinds.whole(144, 4320, off=True).read(value)
    return height


_SELECTION = (
    allowed("format", kinds.text(r"[^\x00-\x1f\x7f]+", "a yt-dlp format selection such as `bv*+ba/b`")),
    allowed("audio_language", kinds.codes()),
    allowed(
        "video_resolution",
        kinds.Kind(
            accepts="best, all, none or a height from 144 to 4320",
            read=_resolution,
        ),
    ),
    allowed("video_subtitles", kinds.codes()),
    allowed("extract_audio", _FLAG, "extractaudio"),
    allowed(
        "video_multistreams", _FLAG, "allow_multiple_video_streams", param="allow_multiple_video_streams"
    ),
    allowed(
        "audio_multistreams", _FLAG, "allow_multiple_audio_streams", param="allow_multiple_audio_streams"
    ),
    allowed(
        "format_sort",
        kinds.words(
            r"[+]?[a-z_]{1,20}(?:[:~][\w.:/~-]{1,40})?",
            "a list of fields such as `res:720`, `vcodec:h264`",
            most=30,
        ),
        param="format_sort",
    ),
    allowed("format_sort_force", _FLAG, param="format_sort_force"),
    allowed("prefer_free_formats", _FLAG, param="prefer_free_formats"),
    allowed("check_formats", kinds.flag("selected"), param="check_formats"),
)

_CONVERSION = (
    allowed(
        "merge_output_format",
        kinds.text(
            rf"(?:{'|'.join(_CONTAINERS)})(?:/(?:{'|'.join(_CONTAINERS)}))*",
            f"one of {', '.join(_CONTAINERS)}, or several with /",
        ),
        param="merge_output_format",
    ),
    allowed("audio_format", kinds.choice("best", *_AUDIO_FORMATS, off=True), "audioformat"),
    allowed(
        "audio_quality",
        kinds.text(
            r"(?:10|\d(?:\.\d)?|\d{2,3}[kK])", "a number from 0 (best) to 10, or a bit rate such as 128K"
        ),
        "audioquality",
    ),
    allowed(
        "remux_video",
        kinds.text(
            rf"(?:(?:[a-z0-9]+>)?(?:{_REMUX}))(?:/(?:[a-z0-9]+>)?(?:{_REMUX}))*",
            "false, a container such as mp4, or rules such as `webm>mkv/mp4`",
        ),
        "remuxvideo",
    ),
    allowed(
        "recode_video",
        kinds.text(
            rf"(?:(?:[a-z0-9]+>)?(?:{_REMUX}))(?:/(?:[a-z0-9]+>)?(?:{_REMUX}))*",
            "false, a container such as mp4, or rules such as `webm>mp4`",
        ),
        "recodevideo",
    ),
    allowed("embed_subs", _FLAG, "embedsubtitles", "embed_subtitles"),
    allowed("embed_thumbnail", _FLAG, "embedthumbnail"),
    allowed("embed_metadata", _FLAG, "addmetadata", "add_metadata"),
    allowed("embed_chapters", _FLAG, "addchapters", "add_chapters"),
    allowed("embed_info_json", kinds.flag("if_exists"), "embed_infojson"),
    allowed("xattrs", _FLAG),
    allowed("fixup", kinds.choice("never", "warn", "detect_or_warn", "force", off=True), param="fixup"),
    allowed("convert_thumbnails", kinds.choice("jpg", "png", "webp", off=True), "convertthumbnails"),
    allowed(
        "convert_subs",
        kinds.choice("ass", "lrc", "srt", "vtt", off=True),
        "convertsubtitles",
        "convert_subtitles",
    ),
    allowed(
        "sponsorblock_mark",
        kinds.words(
            rf"(?:{_SEGMENTS}|poi_highlight|chapter|all|default)",
            f"a list of {_SEGMENTS.replace('|', ', ')}, poi_highlight, chapter",
        ),
    ),
    allowed(
        "sponsorblock_remove",
        kinds.words(rf"(?:{_SEGMENTS}|all|default)", f"a list of {_SEGMENTS.replace('|', ', ')}"),
    ),
)

_SIDECARS = (
    allowed("write_subs", _FLAG, "writesubtitles", "write_subtitles"),
    allowed("write_auto_subs", _FLAG, "writeautomaticsub", "write_automatic_subs"),
    allowed("all_subs", _FLAG, "allsubtitles"),
    allowed(
        "sub_format",
        kinds.text(r"[a-z0-9/]+", "a subtitle format such as srt or vtt", longest=60),
        "subtitlesformat",
    ),
    allowed(
        "sub_langs",
        kinds.words(r"-?[A-Za-z0-9*.^$_-]{1,40}", "a list of language codes such as en, de"),
        "subtitleslangs",
    ),
    allowed("write_thumbnail", kinds.flag("all"), "writethumbnail"),
    allowed("write_all_thumbnails", _FLAG),
    allowed("write_info_json", _FLAG, "writeinfojson"),
    allowed("clean_info_json", _FLAG, "clean_infojson", param="clean_infojson"),
    allowed("write_description", _FLAG, "writedescription"),
    allowed("write_comments", _FLAG, "getcomments", param="getcomments"),
    allowed("mtime", _FLAG, "updatetime", param="updatetime"),
)

_PUBLICATION = (
    allowed("layout", kinds.choice(*Layout)),
    allowed("nfo", kinds.choice(*NfoStyle, off=True)),
    allowed("artwork", kinds.choice(*Artwork, off=True)),
    allowed("episode_numbers", kinds.choice(*Numbers)),
    allowed("show", kinds.text(r"[^\x00-\x1f\x7f]+", "the title of a show", longest=200)),
    allowed("tmdb", kinds.text(r"(?:movie|tv)/[0-9]{1,12}", "a page of TMDB such as movie/603 or tv/1396")),
)

MEDIA_ROWS: tuple[Option, ...] = (*_SELECTION, *_CONVERSION, *_SIDECARS, *_PUBLICATION)

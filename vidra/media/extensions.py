"""Which kinds of files may enter a library: media, its subtitles, pictures and notes, nothing that runs.

A page chooses its files' extensions, so they are picked from a list and never cleaned up.
"""

from __future__ import annotations

from vidra.errors import PathRefused

VIDEO_EXTENSIONS = frozenset(
    {
        "3gp",
        "avi",
        "flv",
        "gif",
        "m2ts",
        "m4v",
        "mkv",
        "mov",
        "mp4",
        "mpeg",
        "mpg",
        "ogv",
        "ts",
        "webm",
        "wmv",
    }
)
AUDIO_EXTENSIONS = frozenset(
    {"aac", "ac3", "aif", "aiff", "alac", "flac", "m4a", "m4b", "mka", "mp3", "oga", "ogg", "opus", "wav"}
    | {"eac3", "weba", "wma"}
)
MEDIA_EXTENSIONS = VIDEO_EXTENSIONS | AUDIO_EXTENSIONS
SUBTITLE_EXTENSIONS = frozenset(
    {"ass", "json3", "lrc", "sbv", "srt", "srv1", "srv2", "srv3", "ssa", "ttml", "vtt"}
)
IMAGE_EXTENSIONS = frozenset({"avif", "gif", "jpeg", "jpg", "png", "webp"})
NOTE_EXTENSIONS = frozenset({"description", "info.json", "live_chat.json", "nfo"})
SIDECAR_EXTENSIONS = SUBTITLE_EXTENSIONS | IMAGE_EXTENSIONS | NOTE_EXTENSIONS


def check_media_extension(extension: str) -> str:
    """Return the extension in lower case without a dot; PathRefused unless it is one of media files."""
    plain = extension.removeprefix(".").lower()
    if plain not in MEDIA_EXTENSIONS:
        raise PathRefused(repr(extension), None, "this is not the extension of a media file")
    return plain


def check_library_extension(name: str) -> str:
    """Return the allowed extension that this file name ends in; PathRefused if it has none.

    For media and everything that lies beside them; two-part extensions such as `info.json` count.
    """
    pieces = name.lower().split(".")
    for length in (2, 1):
        extension = ".".join(pieces[-length:])
        if (
            len(pieces) > length
            and any(pieces[:-length])
            and extension in MEDIA_EXTENSIONS | SIDECAR_EXTENSIONS
        ):
            return extension
    raise PathRefused(repr(name), None, "files of this kind do not enter the library")

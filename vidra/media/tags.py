"""Tags MP4 files without ffmpeg where that gives the same; what it cannot do, yt-dlp's own step does."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from yt_dlp.postprocessor.common import PostProcessor
from yt_dlp.postprocessor.ffmpeg import FFmpegMetadataPP
from yt_dlp.utils import prepend_extension

from vidra.media.foreign import Foreign
from vidra.media.mp4_tags import NotForUsError, write_tags

_OPTION: Final = re.compile(r"-metadata(?::s:(\d+))?")
_FFmpegMetadataPP: Foreign = FFmpegMetadataPP
_PostProcessor: Foreign = PostProcessor


class EmbedTagsPP(_FFmpegMetadataPP):  # type: ignore[misc]  # yt-dlp ships no types
    """yt-dlp's FFmpegMetadata; the start of ffmpeg costs more than all else a small file needs."""

    @classmethod
    def pp_key(cls) -> str:
        """Return yt-dlp's name for the step, which progress displays know."""
        return "Metadata"

    @_PostProcessor._restrict_to(images=False)  # type: ignore[untyped-decorator]  # noqa: SLF001 - as all its steps do
    def run(self, info: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Write the tags into the file."""
        if not self._is_for_us(info) or not self._tagged(info):
            return super().run(info)  # type: ignore[no-any-return]  # yt-dlp ships no types
        return [], info

    def _is_for_us(self, info: dict[str, Any]) -> bool:
        """Whether nothing is asked for but tags in an MP4 file, and of ffmpeg nothing special."""
        wants_chapters = self._add_chapters and info.get("chapters")
        special = self._add_infojson is True or self.get_param("postprocessor_args")
        return info["ext"] == "mp4" and self._add_metadata and not wants_chapters and not special

    def _tagged(self, info: dict[str, Any]) -> bool:
        wishes = _understood(self._get_metadata_opts(info))
        if wishes is None:
            return False
        tags, languages = wishes
        media = Path(info["filepath"])
        done = Path(prepend_extension(str(media), "temp"))
        stop = self._downloader.attempt.stop
        try:
            write_tags(media, done, tags, languages=languages, breathe=stop.raise_if_set)
        except NotForUsError:
            return False
        self.to_screen(f'Adding metadata to "{media}"')
        self.try_utime(str(done), media.stat().st_atime, media.stat().st_mtime)
        done.replace(media)
        return True


def _understood(options: Sequence[Sequence[str]]) -> tuple[dict[str, str], dict[int, str]] | None:
    """Return tags, and languages by stream, of ffmpeg's options; None if they ask for more than that."""
    tags: dict[str, str] = {}
    languages: dict[int, str] = {}
    for option, value in options:
        found = _OPTION.fullmatch(option)
        name, _, text = value.partition("=")
        if option == "-write_id3v1":
            continue
        if found is None or (found[1] and name != "language"):
            return None
        if found[1]:
            languages[int(found[1])] = text
        else:
            tags[name] = text
    return tags, languages

"""Embeds cover pictures with ffmpeg alone.

yt-dlp needs ffprobe or mutagen for it. The ffmpeg wheel brings no ffprobe, and mutagen is GPL and therefore
optional; with ffmpeg's own description of a file both can be done without.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Final

from yt_dlp.dependencies import mutagen
from yt_dlp.postprocessor.embedthumbnail import EmbedThumbnailPP
from yt_dlp.utils import prepend_extension

from vidra.media.foreign import Foreign

_QUICKTIME: Final = frozenset({"m4a", "m4v", "mov", "mp4"})
_MATROSKA: Final = frozenset({"mka", "mkv"})
_NEEDS_MUTAGEN: Final = frozenset({"flac", "ogg", "opus"})
_FITTING_PICTURES: Final = frozenset({"jpeg", "jpg", "png"})

_VIDEO: Final = re.compile(r"^\s*Stream #0:(\d+).*: Video:(.*)$", re.MULTILINE)
_ATTACHMENT: Final = re.compile(r"^\s*Stream #0:\d+.*: Attachment:", re.MULTILINE)
_COVER_FILE: Final = re.compile(r"^\s*filename\s*:\s*cover\.(?:jpe?g|png|webp)\s*$", re.MULTILINE)

_EmbedThumbnailPP: Foreign = EmbedThumbnailPP


class EmbedCoverPP(_EmbedThumbnailPP):  # type: ignore[misc]  # yt-dlp ships no types
    """yt-dlp's EmbedThumbnail, with the containers that it needs ffprobe for done by ffmpeg."""

    @classmethod
    def pp_key(cls) -> str:
        """Return yt-dlp's name for the step, which progress displays know."""
        return "EmbedThumbnail"

    def run(self, info: dict[str, Any]) -> tuple[list[str], dict[str, Any]]:
        """Embed the picture that was fetched; a container that cannot hold one keeps it as a file."""
        kind = str(info["ext"])
        if kind in _NEEDS_MUTAGEN and not mutagen:
            self.report_warning(f"covers in {kind} files need the extra `tags` (mutagen); kept as a file")
            return [], info
        picture = _picture(info) if kind in _QUICKTIME | _MATROSKA else None
        if picture is None:
            return super().run(info)  # type: ignore[no-any-return]  # yt-dlp ships no types
        return self._embed(info, kind, picture)

    def _embed(self, info: dict[str, Any], kind: str, picture: Path) -> tuple[list[str], dict[str, Any]]:
        media = Path(info["filepath"])
        described = self.run_ffmpeg(str(media), None, ["-hide_banner"], expected_retcodes=(1,))
        fitting = self._fitting(picture)
        options = _attached(described, fitting) if kind in _MATROSKA else _disposed(described)
        sources = [media] if kind in _MATROSKA else [media, fitting]
        if options is None:
            self.to_screen("There is a cover in the file already")
        else:
            self._report_run("ffmpeg", str(media))
            done = Path(prepend_extension(str(media), "temp"))
            self.run_ffmpeg_multiple_files([str(source) for source in sources], str(done), options)
            done.replace(media)
        surplus = {fitting} - {picture} if self._already_have_thumbnail else {fitting, picture}
        return [str(path) for path in surplus], info

    def _fitting(self, picture: Path) -> Path:
        """Return the picture in a form that every player shows, converting it if need be."""
        if picture.suffix[1:].lower() in _FITTING_PICTURES:
            return picture
        done = picture.with_suffix(".png")
        self.run_ffmpeg(str(picture), str(done), ["-update", "1", "-frames:v", "1"])
        return done


def _picture(info: dict[str, Any]) -> Path | None:
    """Return the best picture on disk; yt-dlp sorts them best last."""
    paths = [Path(p["filepath"]) for p in info.get("thumbnails") or () if p.get("filepath")]
    return next((path for path in reversed(paths) if path.is_file()), None)


def _attached(described: str, picture: Path) -> Sequence[str] | None:
    """Return ffmpeg options that attach a cover to a Matroska file; None if it has one."""
    if _COVER_FILE.search(described):
        return None
    place = len(_ATTACHMENT.findall(described))
    kind = picture.suffix[1:].lower().replace("jpg", "jpeg")
    return [
        "-map", "0", "-c", "copy", "-attach", str(picture),
        f"-metadata:s:t:{place}", f"mimetype=image/{kind}",
        f"-metadata:s:t:{place}", f"filename=cover.{kind.replace('jpeg', 'jpg')}",
    ]  # fmt: skip


def _disposed(described: str) -> Sequence[str]:
    """Return ffmpeg options that make the second input the cover of an MP4 file, replacing an old one."""
    streams = _VIDEO.findall(described)
    old = [number for number, words in streams if "(attached pic)" in words]
    without = [option for number in old for option in ("-map", f"-0:{number}")]
    place = len(streams) - len(old)
    return [
        "-map", "0", "-dn", "-ignore_unknown", *without, "-map", "1", "-c", "copy",
        f"-disposition:v:{place}", "attached_pic", "-movflags", "+faststart",
    ]  # fmt: skip

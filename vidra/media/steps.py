"""Puts our post-processors in the places of yt-dlp's, wherever the options asked for those."""

from __future__ import annotations

from yt_dlp.postprocessor.embedthumbnail import EmbedThumbnailPP
from yt_dlp.postprocessor.ffmpeg import FFmpegMetadataPP

from vidra.media.covers import EmbedCoverPP
from vidra.media.foreign import Foreign
from vidra.media.tags import EmbedTagsPP


def use_own_steps(ydl: Foreign) -> None:
    """Replace the steps that this instance has."""
    for steps in ydl._pps.values():  # noqa: SLF001 - yt-dlp offers no other way to replace a step
        steps[:] = [_ours(ydl, step) for step in steps]


def _ours(ydl: Foreign, step: Foreign) -> Foreign:
    if type(step) is EmbedThumbnailPP:
        ours: Foreign = EmbedCoverPP(ydl, already_have_thumbnail=step._already_have_thumbnail)  # noqa: SLF001 - no getter
    elif type(step) is FFmpegMetadataPP:
        ours = EmbedTagsPP(ydl, step._add_metadata, step._add_chapters, step._add_infojson)  # noqa: SLF001 - as above
    else:
        return step
    for hook in step._progress_hooks:  # noqa: SLF001 - as above
        ours.add_progress_hook(hook)
    return ours

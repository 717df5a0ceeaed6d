"""Keeps yt-dlp from making progress lines and terminal titles that nobody is shown: a tenth of its work."""

from __future__ import annotations

from functools import cache, wraps
from typing import Any

from yt_dlp.downloader.common import FileDownloader
from yt_dlp.postprocessor.common import PostProcessor

from vidra.media.foreign import Foreign


@cache
def hush_progress() -> None:
    """Have downloaders and post-processors of our sessions tell their hooks only; others stay as they are."""
    for maker in (FileDownloader, PostProcessor):
        _hush(maker)


def _hush(maker: Foreign) -> None:
    report = maker.report_progress

    @wraps(report)
    def hushed(self: Foreign, status: dict[str, Any]) -> None:
        ydl = getattr(self, "ydl", None) or getattr(self, "_downloader", None)
        if not getattr(ydl, "is_hushed", False):
            report(self, status)
        elif status["status"] == "finished" and maker is FileDownloader:
            self.to_screen("[download] Download completed")

    maker.report_progress = hushed

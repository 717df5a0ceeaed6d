"""Keeps yt-dlp from handing a download to a program that opens the network by itself.

yt-dlp reaches for ffmpeg from many places (live HLS, odd encryption, single sites), so the seal sits
where they all meet: on the classes that start such programs. It only acts for guarded instances; a
`YoutubeDL` without a guard works as ever.
"""

from __future__ import annotations

import functools
from typing import Any
from weakref import WeakSet

from yt_dlp.downloader.external import ExternalFD
from yt_dlp.downloader.rtmp import RtmpFD
from yt_dlp.extractor.openload import PhantomJSwrapper

from vidra.errors import UrlRefused
from vidra.media.foreign import Foreign
from vidra.redaction import redact_url

_guarded: WeakSet[Foreign] = WeakSet()


def seal_programs(ydl: Foreign) -> None:
    """Let this instance fail with UrlRefused where yt-dlp would start a downloading program."""
    _seal_classes()
    _guarded.add(ydl)


@functools.cache
def _seal_classes() -> None:
    for downloader in (ExternalFD, RtmpFD):
        downloader.real_download = _sealed_download(downloader.real_download)
    PhantomJSwrapper.__init__ = _sealed_browser(PhantomJSwrapper.__init__)


def _sealed_download(real_download: Foreign) -> Foreign:
    @functools.wraps(real_download)
    def sealed(self: Foreign, filename: str, info_dict: dict[str, Foreign]) -> Foreign:
        if self.ydl in _guarded:
            raise _refusal(str(info_dict.get("url", "")), self.FD_NAME)
        return real_download(self, filename, info_dict)

    return sealed


def _sealed_browser(init: Foreign) -> Foreign:
    @functools.wraps(init)
    def sealed(self: Foreign, extractor: Foreign, *args: Any, **kwargs: Any) -> None:
        if extractor._downloader in _guarded:  # noqa: SLF001 - yt-dlp's only name for it
            raise _refusal("(a page)", "phantomjs")
        init(self, extractor, *args, **kwargs)

    return sealed


def _refusal(url: str, program: str) -> UrlRefused:
    return UrlRefused(
        redact_url(url),
        f"it needs the program `{program}` on the network, past the guard against private addresses",
        remedy="choose another format, for example with format=`bv*[protocol^=http]+ba/b[protocol^=http]`",
    )

"""yt-dlp's extractor for pages of no known site, without asking those who never find anything in a page.

Of 1,750 extractors it asks, 1,100 know no embedded players at all; asking them costs a third of the look at a
page.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Any

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.extractor.generic import GenericIE

from vidra.media.foreign import Foreign

_GenericIE: Foreign = GenericIE
_STOCK: Foreign = InfoExtractor


class LeanGenericIE(_GenericIE):  # type: ignore[misc]  # yt-dlp ships no types
    """`Generic`, finding the same."""

    IE_NAME = "generic"
    _downloader: Foreign

    @classmethod
    def ie_key(cls) -> str:
        """Return the name that it is asked for by."""
        return "Generic"

    def _extract_embeds(self, url: str, webpage: str, **more: Any) -> Any:  # noqa: ANN401 - yt-dlp ships no types
        ydl = self._downloader
        self._downloader = _Narrowed(ydl)
        try:
            return super()._extract_embeds(url, webpage, **more)
        finally:
            self._downloader = ydl


class _Narrowed:
    """A `YoutubeDL` that knows fewer extractors to those who look through all of them."""

    def __init__(self, ydl: Foreign) -> None:
        self._ydl = ydl
        self._ies: Mapping[str, Foreign] = {
            key: extractor
            for key, extractor in ydl._ies.items()  # noqa: SLF001 - as `Generic` does
            if finds_embeds(extractor)
        }

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._ydl, name)


@cache
def finds_embeds(extractor: Foreign) -> bool:
    """Whether the extractor may find something of its own in somebody else's page."""
    real: Foreign = extractor if isinstance(extractor, type) else type(extractor)
    real = getattr(real, "real_class", real)
    names = ("extract_from_webpage", "_extract_from_webpage", "_extract_embed_urls")
    own = any(_function(real, name) is not _function(_STOCK, name) for name in names)
    return own or bool(real._EMBED_REGEX)  # noqa: SLF001 - yt-dlp's own name for it


def _function(extractor: Foreign, name: str) -> object:
    found = getattr(extractor, name)
    return getattr(found, "__func__", found)

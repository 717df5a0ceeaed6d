"""yt-dlp's extractor for pages of no known site, without asking those who cannot find anything in the page.

Of 1,750 extractors it asks, 1,100 know no embedded players at all, and most of the others look for words that
are not there; asking them costs most of the look at a page.
"""

from __future__ import annotations

from typing import Any

from yt_dlp.extractor.generic import GenericIE

from vidra.media.extractors import asked_about
from vidra.media.foreign import Foreign

_GenericIE: Foreign = GenericIE


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
        self._downloader = _Narrowed(ydl, webpage)
        try:
            return super()._extract_embeds(url, webpage, **more)
        finally:
            self._downloader = ydl


class _Narrowed:
    """A `YoutubeDL` that knows fewer extractors to those who look through all of them."""

    def __init__(self, ydl: Foreign, page: str) -> None:
        self._ydl = ydl
        self._ies = asked_about(page)

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever it has
        return getattr(self._ydl, name)

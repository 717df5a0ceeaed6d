"""Lets a download go on with the answer that finding out about its address began.

Whether an address is a media file only its server can tell, so yt-dlp asks for the file, looks at the type,
leaves the body where it is, and asks again to download it. The first answer is as good as the second.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

from vidra.media.foreign import Foreign

_MEDIA: Final = re.compile(r"(?:audio|video)/(?!.*mpegurl)", re.IGNORECASE)


class HeadStart:
    """The last answer with a media file of which nothing was read yet, if there is one. For one thread."""

    def __init__(self) -> None:
        self._kept: tuple[Foreign, Foreign] | None = None

    def keep(self, request: Foreign, response: Foreign) -> None:
        """Remember the answer, if it may turn out to be the download."""
        plain = request.method == "GET" and not request.data and "Range" not in request.headers
        if plain and response.status == 200 and _MEDIA.match(response.headers.get("Content-Type") or ""):
            self.drop()
            self._kept = request, response

    def take(self, request: Foreign, *, usual: Mapping[str, str]) -> Foreign | None:
        """Return the answer to the very same request if it is at hand and untouched; drop any other.

        `usual` are the headers that every request carries unless it says otherwise.
        """
        if self._kept is None:
            return None
        (asked, response), self._kept = self._kept, None
        if _is_same(request, asked, usual) and response.url == request.url and _is_untouched(response):
            return response
        response.close()
        return None

    def drop(self) -> None:
        """Hang up, if there is an answer that nobody took."""
        if self._kept is not None:
            self._kept[1].close()
            self._kept = None


def _is_same(one: Foreign, other: Foreign, usual: Mapping[str, str]) -> bool:
    return (
        (one.method, one.url, one.data, one.proxies) == (other.method, other.url, other.data, other.proxies)
        and _headers(one, usual) == _headers(other, usual)
    )  # fmt: skip


def _headers(request: Foreign, usual: Mapping[str, str]) -> Mapping[str, str]:
    said = {**usual, **request.headers}
    return {name.lower(): value for name, value in said.items()}


def _is_untouched(response: Foreign) -> bool:
    raw = getattr(response, "fp", None)
    return not response.closed and raw is not None and hasattr(raw, "tell") and raw.tell() == 0

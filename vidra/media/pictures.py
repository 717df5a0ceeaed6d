"""Fetches pictures that belong to a list, not to an item: through the guard, and never twice in vain."""

from __future__ import annotations

from typing import Final

from yt_dlp.networking.common import Request
from yt_dlp.networking.exceptions import RequestError

from vidra.media.instance import Instance

LARGEST: Final = 20 * 1024 * 1024
"""Bytes; a poster that is larger is none."""
PATIENCE: Final = 5.0
"""Seconds: a list's picture is no reason to keep a download waiting."""
_SIGNATURES: Final = ((b"\xff\xd8\xff", "jpg"), (b"\x89PNG\r\n\x1a\n", "png"))


def fetch_picture(ydl: Instance, url: str) -> tuple[bytes, str] | None:
    """Return the picture's bytes and its extension; None if it cannot be had or is no JPEG, PNG or WebP.

    An address that failed is not asked again by the same session.
    """
    if url in ydl.absent_pictures:
        return None
    try:
        with ydl.urlopen(Request(url, extensions={"timeout": PATIENCE})) as response:
            content: bytes = response.read(LARGEST + 1)
    except (RequestError, OSError) as error:
        ydl.to_screen(f"[vidra] the list's picture cannot be had: {error}")
        content = b""
    kind = _kind_of(content) if len(content) <= LARGEST else None
    if kind is None:
        ydl.absent_pictures.add(url)
        return None
    return content, kind


def _kind_of(content: bytes) -> str | None:
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "webp"
    return next((extension for start, extension in _SIGNATURES if content.startswith(start)), None)

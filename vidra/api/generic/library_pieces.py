"""What a converted film is made of: playlists that name pieces, all below one folder of the media server.

A client sees our addresses only, and whatever it asks for is checked before the server is asked.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import replace
from typing import Final
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

from vidra.errors import Missing, TryLater
from vidra.servers.interface import Stream

PLAYLIST: Final = "main.m3u8"
"""Name of the first playlist below a ticket."""
PLAYLIST_TYPE: Final = "application/vnd.apple.mpegurl"
_MOST_BYTES: Final = 4 * 1024 * 1024
"""No playlist is longer; ten hours in pieces of three seconds have one of these four."""
_FOLDERS: Final = re.compile(r"/video/:/transcode/universal/|/Videos/[0-9A-Za-z-]{1,64}/")
_PIECES: Final = re.compile(
    r"(?:session/[\w-]{1,64}/(?:base/)?|hls1/)(?:[\w-]{1,64}/)?[\w-]{1,64}\.(?:m3u8|ts|mp4|m4s|aac|vtt)",
    re.ASCII,
)
_SECRETS: Final = frozenset({"x-plex-token", "api_key", "apikey", "token"})
_ATTRIBUTE: Final = re.compile(r'URI="([^"]*)"')


def session_of(ticket: str) -> str:
    """Return the name of a ticket's playback: the same for each of its requests, and telling nothing."""
    return hashlib.sha256(ticket.encode()).hexdigest()[:32]


def piece_of(playlist: Stream, piece: str, query: str) -> Stream:
    """Return where the server has the piece; raise `Missing` for what no playlist of a film names."""
    folder = _folder(playlist.url)
    if piece == PLAYLIST:
        return playlist
    if not _PIECES.fullmatch(piece):
        raise Missing("a converted film has no such piece")
    kept = _without_secrets(query)
    return replace(playlist, url=f"{folder}{piece}{f'?{kept}' if kept else ''}")


def is_playlist(url: str) -> bool:
    """Whether the address is one of a playlist, rather than of a piece."""
    return urlsplit(url).path.endswith(".m3u8")


async def playlist_text(upstream: httpx.Response) -> str:
    """Return what the server answered; raise for what is no playlist."""
    if upstream.status_code != httpx.codes.OK:
        raise TryLater(f"the media server answered {upstream.status_code}")
    content = b""
    async for chunk in upstream.aiter_bytes():
        content += chunk
        if len(content) > _MOST_BYTES:
            raise Missing("the server sent no playlist")
    text = content.decode("utf-8", "replace")
    if not text.startswith("#EXTM3U"):
        raise Missing("the server sent no playlist")
    return text


def own_playlist(text: str, url: str, *, prefix: str) -> str:
    """Return a playlist of the server with our addresses, which begin with `prefix`, and no secrets.

    `url` is where the server has it. Raises `Missing` if it names anything outside of its folder.
    """
    folder = _folder(url)

    def ours(uri: str) -> str:
        """Return our address of what a playlist names."""
        absolute = urljoin(url, uri)
        if not absolute.startswith(folder):
            raise Missing("the server's playlist names something else than pieces of the film")
        path, _, query = absolute.removeprefix(folder).partition("?")
        kept = _without_secrets(query)
        return f"{prefix}{path}{f'?{kept}' if kept else ''}"

    lines = [
        _ATTRIBUTE.sub(lambda found: f'URI="{ours(found[1])}"', line)
        if line.startswith("#")
        else ours(line.strip())
        if line.strip()
        else line
        for line in text.splitlines()
    ]
    return "\n".join(lines) + "\n"


def _folder(url: str) -> str:
    """Return scheme, host and folder of a playlist of the server's converter."""
    parts = urlsplit(url)
    found = _FOLDERS.match(parts.path)
    if found is None:
        raise Missing("the server named no playlist of its converter")
    return f"{parts.scheme}://{parts.netloc}{found[0]}"


def _without_secrets(query: str) -> str:
    pairs = parse_qsl(query, keep_blank_values=True)
    return urlencode([(name, value) for name, value in pairs if name.lower() not in _SECRETS])

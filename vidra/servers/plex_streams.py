"""How Plex is asked to convert what a player cannot play as it is."""

from __future__ import annotations

from typing import Final
from urllib.parse import urlencode

from pydantic import SecretStr

from vidra.servers.interface import ClientIdentity, Conversion
from vidra.servers.plex_identity import identity_headers

FOLDER: Final = "/video/:/transcode/universal/"
"""Where the playlist and everything it names lies."""
_PROFILE: Final = (
    "add-transcode-target(type=videoProfile&context=streaming&protocol=hls"
    "&container=mpegts&videoCodec=h264&audioCodec=aac)"
)
_SIZES: Final = {1080: "1920x1080", 720: "1280x720", 480: "854x480", 360: "640x360"}
_KBPS: Final = {1080: 8000, 720: 4000, 480: 2000, 360: 1000}
"""What Plex's own players ask for at each height."""


def playlist(item_id: str, wanted: Conversion) -> str:
    """Return path and query of the playlist; without a height, the picture keeps its size."""
    height = max((one for one in _SIZES if wanted.height and one <= wanted.height), default=None)
    query: dict[str, str | int] = {
        "path": f"/library/metadata/{item_id}",
        "protocol": "hls",
        "mediaIndex": 0,
        "partIndex": 0,
        "directPlay": 0,
        "directStream": 1,
        # The description has the second name of both pairs, players send the first.
        "session": wanted.session,
        "transcodeSessionId": wanted.session,
    }
    rate = wanted.bitrate_kbps or (None if height is None else _KBPS[height])
    query |= {} if height is None else {"videoResolution": _SIZES[height]}
    query |= {} if rate is None else {"maxVideoBitrate": rate, "videoBitrate": rate}
    return f"{FOLDER}start.m3u8?{urlencode(query)}"


def headers(identity: ClientIdentity, token: SecretStr, wanted: Conversion) -> dict[str, SecretStr]:
    """Return the headers of every request of this playback."""
    plain = identity_headers(identity) | {
        "Accept": "*/*",
        "X-Plex-Session-Identifier": wanted.session,
        "X-Plex-Client-Profile-Name": "Generic",
        "X-Plex-Client-Profile-Extra": _PROFILE,
    }
    return {name: SecretStr(value) for name, value in plain.items()} | {"X-Plex-Token": token}

"""A yt-dlp instance that never fetches: it only knows templates and format selections."""

from __future__ import annotations

from functools import lru_cache

from vidra.media.foreign import Foreign


@lru_cache(maxsize=1)
def grammar() -> Foreign:
    """Return the instance; the first call imports yt-dlp, without the plug-ins of this user's folders."""
    from yt_dlp import YoutubeDL  # noqa: PLC0415 - costs 0.3 s, and `vidra --help` needs none of it
    from yt_dlp.globals import plugin_dirs  # noqa: PLC0415 - the same

    # The first instance of a process loads plug-ins; code from somebody's folder does not run here (SEC-05).
    plugin_dirs.value = []
    maker: Foreign = YoutubeDL
    return maker({"quiet": True, "cachedir": False}, auto_init=False)

"""A yt-dlp instance that never fetches: it only knows templates and format selections.

What is plainly right is recognised without it, as importing yt-dlp takes 0.3 s: most requests are plain.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from vidra.media.foreign import Foreign

_FORMAT: Final = r"(?:bestvideo|bestaudio|best|worstvideo|worstaudio|worst|bv|ba|b|wv|wa|w)\*?"
_PLAIN_SELECTION: Final = re.compile(rf"{_FORMAT}(?:[+/]{_FORMAT})*")
_PLAIN_TEMPLATE: Final = re.compile(r"(?:[^%\x00]|%\([a-z_]+\)(?:s|\.[1-9][0-9]{0,2}B))+")


@lru_cache(maxsize=1)
def grammar() -> Foreign:
    """Return the instance; the first call imports yt-dlp, without the plug-ins of this user's folders."""
    from yt_dlp import YoutubeDL  # noqa: PLC0415 - costs 0.3 s, and `vidra --help` needs none of it
    from yt_dlp.globals import plugin_dirs  # noqa: PLC0415 - the same

    # The first instance of a process loads plug-ins; code from somebody's folder does not run here (SEC-05).
    plugin_dirs.value = []
    maker: Foreign = YoutubeDL
    return maker({"quiet": True, "cachedir": False}, auto_init=False)


def is_plain_selection(selection: str) -> bool:
    """Whether the format selection is right beyond doubt: known names joined by `+` and `/`."""
    return _PLAIN_SELECTION.fullmatch(selection) is not None


def is_plain_template(template: str) -> bool:
    """Whether the output template is right beyond doubt: text, `%(field)s` and `%(field).100B`."""
    return _PLAIN_TEMPLATE.fullmatch(template) is not None

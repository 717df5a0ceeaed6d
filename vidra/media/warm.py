"""Does beforehand, in a process that forks runs, what every run would otherwise do for itself."""

from __future__ import annotations

from importlib import import_module

from yt_dlp.extractor import list_extractor_classes

from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.foreign import Foreign
from vidra.media.grammar import grammar
from vidra.media.instance import default_extractors
from vidra.media.versions import yt_dlp_version

_NOWHERE = "https://vidra.invalid/"
"""RFC 2606: no extractor knows it, so every one of them is asked."""


def warm_up() -> None:
    """Compile the 1,900 address patterns of the extractors (0.5 s) and import what most runs need.

    Fetches nothing and starts no thread.
    """
    grammar()  # first, because it keeps plug-ins out
    extractors: Foreign = list_extractor_classes()
    for extractor in extractors:
        extractor.suitable(_NOWHERE)
    import_module("yt_dlp.extractor.generic")
    find_ffmpeg()
    default_extractors()
    yt_dlp_version()

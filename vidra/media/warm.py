"""Does beforehand, in a process that forks runs, what every run would otherwise do for itself."""

from __future__ import annotations

from typing import Final

from yt_dlp import YoutubeDL

from vidra.media.aside import worked_out_aside
from vidra.media.extractors import (
    first_suitable,
    known_extractors,
    take_page_marks,
    worked_out_page_marks,
)
from vidra.media.ffmpeg import find_ffmpeg
from vidra.media.foreign import Foreign
from vidra.media.generic import LeanGenericIE
from vidra.media.grammar import grammar
from vidra.media.guarded_http import shared_tls_context
from vidra.media.versions import yt_dlp_version

_NOWHERE = "https://vidra.invalid/"
"""RFC 2606: no extractor knows it, so every one of them is asked."""
_PAGES: Final = (
    "<html><head><title>Nothing</title></head></html>",
    """<html><head><title>A clip</title><script type="application/ld+json">{"@context": "https://schema.org",
    "@type": "VideoObject", "name": "A clip", "uploadDate": "2024-01-10T12:00:00+00:00", "duration": "PT6S",
    "contentUrl": "https://vidra.invalid/clip.mp4"}</script></head></html>""",
)


def warm_up() -> None:
    """Compile the patterns that are tried for every address and every page, and import what runs need.

    Fetches nothing and starts no thread. Of 1,750 extractors it imports the seventy that are asked about
    every page: all of them would be 20 MB more in each run.
    """
    grammar()  # first, because it keeps plug-ins out
    first_suitable(_NOWHERE)
    take_page_marks(worked_out_aside(worked_out_page_marks))
    _read_pages()
    find_ffmpeg()
    shared_tls_context(verify=True, legacy=False, certifi=True)
    yt_dlp_version()


def _read_pages() -> None:
    """Look for videos in a page without any and in one with one, as a run does with its first page."""
    maker: Foreign = YoutubeDL
    reader = maker({"quiet": True, "no_warnings": True, "cachedir": False}, auto_init=False)
    generic = LeanGenericIE(reader)
    for page in _PAGES:
        list(generic._extract_embeds(_NOWHERE, page))  # noqa: SLF001 - no method of yt-dlp's does it without asking the network
    for extractor in known_extractors().values():
        _forget_examples(extractor)


def _forget_examples(extractor: Foreign) -> None:
    """Let go of the extractor's test cases, which every run would have; imports nothing for that."""
    real: Foreign = vars(extractor).get("_real_class", extractor)
    for name in ("_TEST", "_TESTS", "_WEBPAGE_TESTS"):
        if name in vars(real):
            setattr(real, name, ())

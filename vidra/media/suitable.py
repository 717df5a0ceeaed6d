"""Tells at a glance which extractors cannot be meant by an address.

yt-dlp tries the patterns of 1,750 extractors one after another: 4 ms for each page of no known site.
Nearly every pattern has a part that must stand in the address word for word, mostly the site's name;
looking for that takes a fraction of a millisecond for all.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

# Private, and the only way to a pattern's parts; a test compares the answers with those of the patterns.
from re import _constants as sre  # type: ignore[attr-defined]  # not in typeshed
from re import _parser as sre_parse  # type: ignore[attr-defined]  # the same
from typing import Any

from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import variadic

from vidra.media.foreign import Foreign

try:
    from yt_dlp.extractor.lazy_extractors import LazyLoadExtractor
except ImportError:  # built without, as some distributions do; or switched off by YTDLP_NO_LAZY_EXTRACTORS
    LazyLoadExtractor = InfoExtractor

_STOCK: Foreign = InfoExtractor
_LAZY: Foreign = LazyLoadExtractor
_PLAIN = frozenset({_STOCK.suitable.__func__, _LAZY.suitable.__func__})
"""What says that an address is an extractor's own by its pattern alone."""


def first_suitable(extractors: Mapping[str, Foreign], url: str) -> str | None:
    """Return the key of the first extractor that says the address is one of its own."""
    # Beyond ASCII, letters can match others that no lower case has in common with them.
    if not url.isascii():
        return next((key for key, extractor in extractors.items() if extractor.suitable(url)), None)
    lowered = url.lower()
    for key, extractor in extractors.items():
        if mark_of(extractor) in lowered and extractor.suitable(url):
            return key
    return None


@cache
def mark_of(extractor: Foreign) -> str:
    """Return what stands, in whatever case, in all addresses of the extractor; empty where nothing has to."""
    if getattr(extractor.suitable, "__func__", None) not in _PLAIN or not extractor._VALID_URL:  # noqa: SLF001 - yt-dlp's own name for it
        return ""
    marks = [_longest(sre_parse.parse(pattern)) for pattern in variadic(extractor._VALID_URL)]  # noqa: SLF001 - as above
    return marks[0].lower() if len(marks) == 1 and marks[0].isascii() else ""


def _longest(parts: Any) -> str:  # noqa: ANN401 - the parser's own tree
    """Return the longest text that every match contains."""
    best = text = ""
    for kind, value in parts:
        if kind is sre.LITERAL:
            text += chr(value)
            continue
        best, text = max(best, text, _inside(kind, value), key=len), ""
    return max(best, text, key=len)


def _inside(kind: object, value: Any) -> str:  # noqa: ANN401 - as above
    if kind is sre.SUBPATTERN:
        return _longest(value[3])
    if kind in {sre.MAX_REPEAT, sre.MIN_REPEAT} and value[0] > 0:
        return _longest(value[2])
    return ""

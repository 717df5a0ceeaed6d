"""yt-dlp's extractors as sessions share them, and which of them an address or a page can be for.

yt-dlp tries the patterns of 1,750 extractors one after another for each address: 4 ms. Words that an address
must contain say at a glance for nearly all of them that they are not meant.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any

from yt_dlp.extractor import gen_extractor_classes
from yt_dlp.extractor.common import InfoExtractor
from yt_dlp.utils import variadic

from vidra.media.foreign import Foreign
from vidra.media.marks import NONE, Marks, marks_of

try:
    from yt_dlp.extractor.lazy_extractors import LazyLoadExtractor
except ImportError:  # built without, as some distributions do; or switched off by YTDLP_NO_LAZY_EXTRACTORS
    LazyLoadExtractor = InfoExtractor

_STOCK: Foreign = InfoExtractor
_LAZY: Foreign = LazyLoadExtractor
_PLAIN = frozenset({_STOCK.suitable.__func__, _LAZY.suitable.__func__})
"""What says that an address is an extractor's own by its pattern alone."""
_FINDING = ("extract_from_webpage", "_extract_from_webpage", "_extract_embed_urls")
_LIKE_ASCII = "\u0130\u0131\u017f\u212a"
"""Letters that patterns regardless of case take for an i, an s or a k; other than their lower case says."""

_page_marks: dict[str, Marks] = {}


@cache
def known_extractors() -> dict[str, Foreign]:
    """Return yt-dlp's extractors by key, in its order, without those that have to be asked for by name.

    All sessions share it: comparing 1,900 names with one another takes 40 ms.
    """
    known: list[Any] = gen_extractor_classes()  # yt-dlp ships no types
    by_name = {extractor.IE_NAME.lower(): extractor for extractor in known}
    wanted = (extractor for extractor in by_name.values() if extractor._ENABLED)  # noqa: SLF001 - yt-dlp's own name for it
    return {extractor.ie_key(): extractor for extractor in wanted}


def first_suitable(url: str) -> str | None:
    """Return the key of the first known extractor that says the address is one of its own."""
    known = known_extractors()
    return next((key for key in _possible(address_marks(), url) if known[key].suitable(url)), None)


def asked_about(page: str) -> Mapping[str, Foreign]:
    """Return the known extractors that may find something of their own in somebody else's page."""
    known = known_extractors()
    return {key: known[key] for key in _possible(page_marks(), page)}


@cache
def address_marks() -> Mapping[str, Marks]:
    """Return what addresses of each extractor contain; nothing where that is not known."""
    return {key: _of_addresses(one) for key, one in known_extractors().items()}


def page_marks() -> Mapping[str, Marks]:
    """Return what pages contain in which an extractor finds something; those that never do are left out.

    Working it out imports all extractors for good: 20 MB, 0.2 s. Whoever has done so can hand it on.
    """
    return _page_marks or take_page_marks(worked_out_page_marks())


def worked_out_page_marks() -> Mapping[str, Marks]:
    """Work out what `page_marks` returns."""
    found = {key: _of_pages(_real(one)) for key, one in known_extractors().items()}
    return {key: marks for key, marks in found.items() if marks is not None}


def take_page_marks(marks: Mapping[str, Marks]) -> Mapping[str, Marks]:
    """Have `page_marks` return these from now on."""
    _page_marks.update(marks)
    return _page_marks


def _possible(marks: Mapping[str, Marks], text: str) -> Iterator[str]:
    if not text.isascii() and any(letter in text for letter in _LIKE_ASCII):
        yield from marks
        return
    lowered = text.lower()
    for key, words in marks.items():
        for word in words or ("",):  # plainly: a generator for each of 1,700 takes twice the time
            if word in lowered:
                yield key
                break


def _of_addresses(extractor: Foreign) -> Marks:
    is_plain = getattr(extractor.suitable, "__func__", None) in _PLAIN
    return marks_of(*variadic(extractor._VALID_URL)) if is_plain and extractor._VALID_URL else NONE  # noqa: SLF001 - yt-dlp's own name for it


def _of_pages(extractor: Foreign) -> Marks | None:
    if any(_function(extractor, name) is not _function(_STOCK, name) for name in _FINDING):
        return NONE
    patterns = extractor._EMBED_REGEX  # noqa: SLF001 - as above
    return marks_of(*patterns) if patterns else None


def _real(extractor: Foreign) -> Foreign:
    return getattr(extractor, "real_class", extractor)


def _function(extractor: Foreign, name: str) -> object:
    found = getattr(extractor, name)
    return getattr(found, "__func__", found)

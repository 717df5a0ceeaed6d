"""Short cuts through yt-dlp's 1,750 extractors find what the long way finds."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

from vidra.media.foreign import Foreign
from vidra.media.generic import finds_embeds
from vidra.media.instance import default_extractors
from vidra.media.suitable import first_suitable, mark_of

_LEAST_MARKED = 1500


def _examples(extractor: Foreign) -> list[str]:
    real = extractor.real_class
    single = getattr(real, "_TEST", None)
    return [test["url"] for test in chain(getattr(real, "_TESTS", None) or (), [single] if single else ())]


def test_every_example_of_yt_dlp_finds_its_extractor() -> None:
    """6,000 addresses: none is turned away by a mark that its own extractor would take it in spite of."""
    for extractor in default_extractors():
        mark = mark_of(extractor)
        for url in _examples(extractor):
            assert not extractor.suitable(url) or not url.isascii() or mark in url.lower(), (mark, url)


def test_most_extractors_have_a_mark_and_unknown_pages_are_generic() -> None:
    """Otherwise it would be no short cut; addresses beyond ASCII are found too."""
    known = {extractor.ie_key(): extractor for extractor in default_extractors()}

    assert sum(bool(mark_of(extractor)) for extractor in known.values()) > _LEAST_MARKED
    assert first_suitable(known, "https://nowhere.invalid/page.html") == "Generic"
    assert first_suitable(known, "https://www.youtube.com/watch?v=BaW_jenozKc#ü") == "Youtube"


def test_those_who_find_nothing_in_pages_say_so_themselves() -> None:
    """An extractor that is left out yields nothing whatever the page."""
    left_out = [extractor for extractor in default_extractors() if not finds_embeds(extractor)]
    page = '<iframe src="https://www.youtube.com/embed/BaW_jenozKc"></iframe>'

    assert all(
        list(one.extract_from_webpage(None, "https://x.invalid/", page)) == [] for one in left_out[::20]
    )
    assert {"Youtube", "Vimeo"}.isdisjoint(one.ie_key() for one in left_out)


def test_a_yt_dlp_built_without_lazy_extractors_finds_the_same() -> None:
    """Some distributions leave them out; their extractors are the classes themselves."""
    program = """
import sys
sys.modules["yt_dlp.extractor.lazy_extractors"] = None
from vidra.media.instance import default_extractors
from vidra.media.suitable import first_suitable, mark_of
known = {one.ie_key(): one for one in default_extractors()}
print(sum(bool(mark_of(one)) for one in known.values()) > 1500)
print(first_suitable(known, "https://www.youtube.com/watch?v=BaW_jenozKc"))
print(first_suitable(known, "https://nowhere.invalid/page.html"))
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["True", "Youtube", "Generic"]

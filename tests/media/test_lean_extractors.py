"""Short cuts through yt-dlp's 1,750 extractors find what the long way finds."""

from __future__ import annotations

import subprocess
import sys
from itertools import chain

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vidra.media.extractors import address_marks, asked_about, first_suitable, known_extractors, page_marks
from vidra.media.foreign import Foreign
from vidra.media.marks import NONE, marks_of

_LEAST_MARKED = 1600
_MOST_ASKED = 120


def _examples(extractor: Foreign, *names: str) -> list[str]:
    real = extractor.real_class
    tests = chain.from_iterable(getattr(real, name, None) or () for name in names)
    single = getattr(real, "_TEST", None)
    return [test["url"] for test in chain(tests, [single] if single else ())]


def test_every_example_of_yt_dlp_finds_its_extractor() -> None:
    """6,000 addresses: none is turned away by a mark that its own extractor would take it in spite of."""
    for key, extractor in known_extractors().items():
        words = address_marks()[key]
        for url in _examples(extractor, "_TESTS"):
            assert not extractor.suitable(url) or not words or any(word in url.lower() for word in words), url


def test_addresses_of_every_shape_go_where_yt_dlp_sends_them() -> None:
    """Asked about in yt-dlp's order, one example of every twentieth extractor finds the same one."""
    known = known_extractors()
    urls = [url for one in list(known.values())[::20] for url in _examples(one, "_TESTS")[:1]]
    for url in [*urls, "https://nowhere.invalid/page.html", "HTTPS://WWW.YOUTUBE.COM/watch?v=BaW_jenozKc"]:
        assert first_suitable(url) == next(key for key, one in known.items() if one.suitable(url))


def test_most_extractors_have_a_mark_and_unknown_pages_are_generic() -> None:
    """Otherwise it would be no short cut; addresses beyond ASCII are found too."""
    assert sum(map(bool, address_marks().values())) > _LEAST_MARKED
    assert first_suitable("https://nowhere.invalid/page.html") == "Generic"
    assert first_suitable("https://www.youtube.com/watch?v=BaW_jenozKc#ü") == "Youtube"


def test_those_who_find_nothing_in_any_page_are_not_asked() -> None:
    """An extractor that is left out for good yields nothing whatever the page."""
    left_out = [one for key, one in known_extractors().items() if key not in page_marks()]
    page = '<iframe src="https://www.youtube.com/embed/BaW_jenozKc"></iframe>'

    for one in left_out[::20]:
        assert list(one.extract_from_webpage(None, "https://x.invalid/", page)) == []
    assert {"Youtube", "Vimeo"}.isdisjoint(one.ie_key() for one in left_out)


@given(data=st.data())
@settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large]
)
def test_what_a_pattern_finds_contains_one_of_its_words(data: st.DataObject) -> None:
    """Texts made from yt-dlp's own patterns for pages."""
    marked = sorted(key for key, words in page_marks().items() if words)
    key = data.draw(st.sampled_from(marked))
    pattern = data.draw(st.sampled_from(known_extractors()[key].real_class._EMBED_REGEX))
    page = data.draw(st.from_regex(pattern))

    assert key in asked_about(page)


def test_few_are_asked_about_a_page_and_those_whose_words_it_has() -> None:
    """A page that names a player is given to that player's extractor."""
    plain = asked_about("<html><body><video src='clip.mp4'></video></body></html>")
    assert len(plain) < _MOST_ASKED
    assert "Streamable" not in plain
    assert "Streamable" in asked_about('<iframe src="https://STREAMABLE.com/e/abc"></iframe>')
    assert asked_about("\u212a").keys() == page_marks().keys(), "the Kelvin sign is a k to patterns"


@pytest.mark.parametrize(
    ("patterns", "words"),
    [
        ((r"https?://(?:www\.)?example\.com/(?P<id>\d+)",), {"example.com/"}),
        ((r"https?://(?:a\.example|bee\.test)/\d+",), {"a.example", "bee.test"}),
        ((r"(?:clip)+/x",), {"clip"}),
        ((r"(?:clip)*/?",), set()),
        ((r"https?://.+",), set()),
        ((r"one\.example", r"two\.example"), {"one.example", "two.example"}),
        ((r"one\.example", r"\d+"), set()),
        ((r"(?i)ExAmple",), {"example"}),
        ((r"exämple",), set()),
    ],
)
def test_words_are_those_that_no_match_lacks(patterns: tuple[str, ...], words: set[str]) -> None:
    """One of them stands in every match; none are known where a match needs no word."""
    assert marks_of(*patterns) == words


def test_a_pattern_of_too_many_words_has_none() -> None:
    """Looking for each would take longer than trying the pattern."""
    assert marks_of("|".join(f"{one}{other}site" for one in "abcdefgh" for other in "ijklmnop")) == NONE


def test_a_yt_dlp_built_without_lazy_extractors_finds_the_same() -> None:
    """Some distributions leave them out; their extractors are the classes themselves."""
    program = """
import sys
sys.modules["yt_dlp.extractor.lazy_extractors"] = None
from vidra.media.extractors import address_marks, first_suitable
print(sum(map(bool, address_marks().values())) > 1600)
print(first_suitable("https://www.youtube.com/watch?v=BaW_jenozKc"))
print(first_suitable("https://nowhere.invalid/page.html"))
"""
    said = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True).stdout
    assert said.split() == ["True", "Youtube", "Generic"]

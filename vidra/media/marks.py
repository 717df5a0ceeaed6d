"""Tells which words a text must contain to match a pattern, so that most patterns need not be tried.

Looking for a word takes a fraction of the time of trying a pattern, and nearly every pattern of yt-dlp's has
some: mostly the names of a site.
"""

from __future__ import annotations

# Private, and the only way to a pattern's parts; a test compares the answers with those of the patterns.
from re import _constants as sre  # type: ignore[attr-defined]  # not in typeshed
from re import _parser as sre_parse  # type: ignore[attr-defined]  # the same
from typing import Any, Final, TypeAlias

Marks: TypeAlias = frozenset[str]
"""Words in lower case, one of which stands in every match; empty where that is not known."""

NONE: Final[Marks] = frozenset()
MOST: Final = 40
"""Looking for more words than this is no quicker than the pattern."""
_EVERYWHERE: Final = "https://www."
_REPEATS: Final = frozenset({sre.MAX_REPEAT, sre.MIN_REPEAT, sre.POSSESSIVE_REPEAT})


def marks_of(*patterns: str) -> Marks:
    """Return the words, one of which stands, in whatever case, in each match of any of the patterns."""
    return _together([_best(sre_parse.parse(pattern)) for pattern in patterns])


def _best(parts: Any) -> Marks:  # noqa: ANN401 - the parser's own tree
    """Return the most telling words of those that each of the parts asks for."""
    found, text = [], ""
    for kind, value in parts:
        if kind is sre.LITERAL:
            text += chr(value)
            continue
        found += [_word(text), _inside(kind, value)]
        text = ""
    return max([*found, _word(text)], key=_weight, default=NONE)


def _inside(kind: object, value: Any) -> Marks:  # noqa: ANN401 - as above
    if kind is sre.SUBPATTERN:
        return _best(value[3])
    if kind is sre.BRANCH:
        return _together([_best(branch) for branch in value[1]])
    if kind in _REPEATS and value[0] > 0:
        return _best(value[2])
    return NONE


def _together(choices: list[Marks]) -> Marks:
    """Return what stands in a text that contains one of these; nothing is known if one asks for nothing."""
    words = NONE.union(*choices)
    return words if all(choices) and len(words) <= MOST else NONE


def _word(text: str) -> Marks:
    return frozenset({text.lower()}) if text.isascii() and text.lower() not in _EVERYWHERE else NONE


def _weight(words: Marks) -> int:
    return min(map(len, words), default=0)

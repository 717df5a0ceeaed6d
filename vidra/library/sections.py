"""What is listed of a section, and when everything of it rather than changes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Final

from vidra.library.guard import DeletionRules, Judgement
from vidra.library.records import SectionRecord

KINDS: Final[Mapping[str, tuple[str, ...]]] = {
    "movies": ("movie", "collection"),
    "shows": ("show", "season", "episode", "collection"),
    "music": ("artist", "album", "track"),
    "photos": ("photo", "video"),
    "playlists": ("playlist",),
    "mixed": ("movie", "show", "season", "episode", "video", "collection", "playlist"),
}
"""The kinds of items a section of each kind may hold, containers before what is in them."""
SLOW: Final = frozenset({"collection", "playlist"})
"""Kinds that no server lists by change; few, and in libraries listed with everything else only."""

CLOCK_TRUST_S: Final = 86_400
"""Seconds by which a server's clock may be behind ours."""


def kinds_of(section_kind: str, *, full: bool) -> tuple[str, ...]:
    """Return the kinds to list."""
    kinds = KINDS.get(section_kind, KINDS["mixed"])
    return kinds if full or section_kind == "playlists" else tuple(kind for kind in kinds if kind not in SLOW)


def is_essential(section_kind: str, kind: str) -> bool:
    """Whether a server that refuses to list the kind has failed the section, rather than has none."""
    return section_kind not in {"mixed", "photos"} and kind not in SLOW


def needs_full(known: Mapping[str, Any] | None, *, now: int, every: float) -> bool:
    """Whether all of the section has to be listed: it never was, or too long ago."""
    return known is None or not known.get("full") or not known.get("since") or now - known["full"] >= every


def next_since(*, started: int, newest: int, before: int) -> int:
    """Return from when on the next sync asks for changes.

    By the server's own clock where it told one, so that a server whose clock is up to a day slow loses
    nothing; never in the future, so that one wrong date hides nothing; never back.
    """
    return max(before, min(started, max(newest, started - CLOCK_TRUST_S)))


def vanished(
    known: Iterable[SectionRecord], listed: Iterable[str], rules: DeletionRules, *, now: int
) -> tuple[list[SectionRecord], list[str], str | None]:
    """Return sections to mark as missing, ids of those to forget with all they hold, and a warning."""
    there = set(listed)
    sections = list(known)
    missing = [section for section in sections if section["key"] not in there]
    if not missing:
        return [], [], None
    if not there and not rules.accepted:
        return (
            [],
            [],
            "the server lists no sections at all: nothing was deleted; if this is right, sync with --yes",
        )
    judgement = rules.judge(known=len(sections), missing=len(missing), complete=True)
    if judgement is Judgement.REMOVE:
        return [], [section["key"] for section in missing], None
    marked: list[SectionRecord] = []
    over: list[str] = []
    for section in missing:
        missed = section.get("missed", 0) + 1
        if rules.is_over(missed):
            over.append(section["key"])
            continue
        since = section.get("missing_since", now)
        marked.append({**section, "missed": missed, "missing_since": since})
    return marked, over, None

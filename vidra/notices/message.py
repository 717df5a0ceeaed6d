"""Several notices as one message for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vidra.notices.interface import NEWS, Notice

LONGEST: Final = 3500
"""Characters of a text: the narrowest common service takes 4,096."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Message:
    """Title and plain text."""

    title: str
    text: str


def compose(notices: Sequence[Notice], *, dropped: int = 0) -> Message:
    """Return one message: troubles first, news last; cut where services would refuse it."""
    ordered = sorted(notices, key=lambda notice: notice.event in NEWS)
    if len(ordered) == 1 and not dropped:
        return Message(title=ordered[0].title, text=_cut(ordered[0].text or ordered[0].title))
    counts = Counter(notice.event for notice in ordered)
    told = ", ".join(f"{number} {event.value.replace('_', ' ')}" for event, number in counts.items())
    parts = [f"{notice.title}\n{notice.text}".rstrip() for notice in ordered]
    if dropped:
        parts.append(f"{dropped} older notices were dropped while this channel could not be reached.")
    return Message(title=f"Vidra: {told}", text=_cut("\n\n".join(parts)))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 2].rstrip() + " …"

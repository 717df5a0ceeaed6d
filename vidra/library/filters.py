"""Which items of a library somebody wants to see, and in what order."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Final

from vidra.errors import UsageError
from vidra.library.catalogue import Record, episode_order
from vidra.library.identity import folded


@unique
class Order(StrEnum):
    """What a list is sorted by."""

    TITLE = "title"
    ADDED = "added"
    """Newest first."""
    YEAR = "year"
    """Newest first."""
    RATING = "rating"
    """Best first."""
    VIEWED = "viewed"
    """Last watched first."""


KINDS: Final = (
    "movie", "show", "season", "episode", "video", "artist", "album", "track", "photo", "collection",
    "playlist",
)  # fmt: skip
"""What an item can be."""


def known_kinds(kinds: Iterable[str]) -> frozenset[str]:
    """Return the kinds; raise `UsageError` naming those there are for any other word."""
    wanted = frozenset(kinds)
    for word in sorted(wanted.difference(KINDS)):
        near = next(iter(difflib.get_close_matches(word, KINDS, n=1)), None)
        hint = f"; did you mean `{near}`?" if near else ""
        raise UsageError(f"kind `{word}`: expected {', '.join(f'`{one}`' for one in KINDS)}{hint}")
    return wanted


TOP_KINDS = frozenset({"movie", "show", "artist", "video", "photo", "collection", "playlist"})
"""What a list shows unless somebody asks for a kind: not the parts of shows and albums."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Wanted:
    """A choice among items; what is None or empty does not narrow it."""

    section: str | None = None
    kinds: frozenset[str] = frozenset()
    year: int | None = None
    genre: str | None = None
    watched: bool | None = None
    below: str | None = None
    """Server id of the show, season, artist or album the items belong to."""
    order: Order = Order.TITLE

    def __post_init__(self) -> None:
        """Refuse kinds that no item is of: an empty list would say that there is nothing."""
        known_kinds(self.kinds)

    def fits(self, record: Record) -> bool:
        """Whether the item is among the wanted ones."""
        return (
            record["kind"] in (self.kinds or (TOP_KINDS if self.below is None else {record["kind"]}))
            and self.section in {None, record["section"]}
            and self.year in {None, record.get("year")}
            and self.watched in {None, bool(record.get("watched"))}
            and (self.genre is None or _names(record, self.genre))
            and (self.below is None or self.below in {record.get("show"), record.get("parent")})
        )

    def chosen(self, records: Iterable[Record]) -> Sequence[Record]:
        """Return the wanted items in the wanted order."""
        found = [record for record in records if self.fits(record)]
        match self.order:
            case Order.TITLE if self.below is not None:
                return sorted(found, key=episode_order)
            case Order.TITLE:
                return sorted(found, key=_title)
            case Order.ADDED | Order.YEAR | Order.RATING | Order.VIEWED:
                name = self.order.value
                return sorted(found, key=lambda record: -float(record.get(name, 0)))


def _names(record: Record, genre: str) -> bool:
    wanted = folded(genre)
    return any(folded(one) == wanted for one in record.get("genres", ()))


def _title(record: Record) -> tuple[str, str, int, int]:
    return (
        folded(record.get("show_title", "")),
        folded(record.get("sort") or record["title"]),
        record.get("season", 0),
        record.get("episode", 0),
    )

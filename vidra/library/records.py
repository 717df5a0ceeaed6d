"""The record of one library item as it is stored, and what makes two of them the same.

Records are plain JSON objects and not classes: 50,000 of them are compared in every full sync, and
building objects for that costs more than the comparison. Instants are whole seconds since 1970.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final, Required, TypedDict, cast

ITEMS: Final = "items"
SECTIONS: Final = "sections"
ROWS: Final = "rows"
SYNC: Final = "sync"
"""The tables of one source's store."""

SEPARATOR: Final = "/"


class ItemRecord(TypedDict, total=False):
    """One item of one source; what the server did not say is left out.

    `details` is a JSON text with what only a look at the single item needs (summary, cast, files):
    as objects, those of 50,000 items would take 200 MB and 0.3 s at every start.
    """

    version: Required[int]
    key: Required[str]
    """`section/kind/id`; with the source before it, it names the item everywhere."""
    section: Required[str]
    kind: Required[str]
    id: Required[str]
    title: Required[str]
    sort: str
    original: str
    year: int
    released: str
    duration_ms: int
    rating: float
    user_rating: float
    rated_here: bool
    """The rating was given here, and the server has not shown one since."""
    genres: list[str]
    guids: list[str]
    """External ids as `tmdb://603`."""
    added: int
    updated: int
    parent: str
    show: str
    show_title: str
    season: int
    episode: int
    children: int
    watched_children: int
    thumb: str
    details: str
    watched: bool
    plays: int
    position_ms: int
    viewed: int
    looked: int
    """When the server was last asked for everything about this item; `details` is of then."""
    filled: str
    """What TMDB knows where the server had gaps, a JSON text; see `vidra.library.gaps`."""
    filled_at: int
    """When TMDB was asked."""
    more_guids: list[str]
    """External ids that TMDB added."""
    carried: bool
    """The watch state comes from an earlier id of the item and counts until the server has one."""
    missed: int
    """How many syncs in a row did not find it; while there, it is a tombstone."""
    missing_since: int


class SectionRecord(TypedDict, total=False):
    """One library section of a source, and how its last sync went."""

    version: Required[int]
    key: Required[str]
    title: Required[str]
    kind: str
    locations: list[str]
    full: int
    """When all of it was listed last, begun."""
    since: int
    """From when on changes have to be asked for."""
    error: str
    """Why its last sync failed; left out after a good one."""
    synced: int
    missed: int
    missing_since: int


WATCH_FIELDS: Final = ("watched", "plays", "position_ms", "viewed", "carried")
_FILLED: Final = ("filled", "filled_at", "more_guids")
_NO_WATCH: Final = frozenset(WATCH_FIELDS[:4])


def key_of(section: str, kind: str, item_id: str) -> str:
    """Return the key of an item within its source."""
    return f"{section}{SEPARATOR}{kind}{SEPARATOR}{item_id}"


def guids_of(record: Mapping[str, Any]) -> Sequence[str]:
    """Return every external id, whoever said it."""
    given: Sequence[str] = record.get("guids", ())
    return [*given, *record["more_guids"]] if "more_guids" in record else given


def is_live(record: Mapping[str, Any]) -> bool:
    """Whether the item was there at the last sync; otherwise it is a tombstone."""
    return not record.get("missed")


def has_watch_state(record: Mapping[str, Any]) -> bool:
    """Whether anything is known about watching it."""
    return any(record.get(name) for name in _NO_WATCH)


def watch_fields(record: Mapping[str, Any]) -> dict[str, Any]:
    """Return the part of a record that tells how far it was watched."""
    return {name: record[name] for name in WATCH_FIELDS if record.get(name)}


def replaced(record: Mapping[str, Any], **fields: object) -> ItemRecord:
    """Return the record with other values in some fields."""
    return cast("ItemRecord", {**record, **fields})


def with_watch(record: Mapping[str, Any], watch: Mapping[str, Any]) -> ItemRecord:
    """Return the record with another watch state."""
    kept = {name: value for name, value in record.items() if name not in WATCH_FIELDS}
    return cast("ItemRecord", kept | dict(watch))


def merged(old: ItemRecord | None, new: ItemRecord, *, keep_watch: bool) -> ItemRecord:
    """Return what is stored after the server said `new`.

    With `keep_watch` our watch state and rating stand: a change of them is still on its way to the
    server. A rating of ours also stands while the server shows none: not every server keeps them. So
    does one that was carried over from an earlier id while the server knows nothing. An item that was
    watched and now reads as not watched with its play count intact is being played again: servers
    before Jellyfin 12 clear the mark at the start of a playback. What a closer look found stays until
    the item changes on the server: listings know less. What filled its gaps stays while it is the same work.
    """
    if old is None:
        return new
    looked = old.get("looked")
    if looked is not None and old.get("updated") == new.get("updated"):
        new = replaced(new, details=old.get("details", ""), looked=looked)
    if "filled_at" in old and old.get("guids") == new.get("guids"):
        new = replaced(new, **{name: value for name, value in old.items() if name in _FILLED})
    if "rated_here" in old and (keep_watch or "user_rating" not in new):
        new = replaced(new, user_rating=old.get("user_rating"), rated_here=True)
    if keep_watch or (old.get("carried") and not has_watch_state(new)):
        return with_watch(new, watch_fields(old))
    if old.get("watched") and not new.get("watched") and _plays(new) >= max(1, _plays(old)):
        return replaced(new, watched=True)
    return new


def newest_stamp(records: Iterable[Mapping[str, Any]]) -> int:
    """Return the latest instant by the server's own clock, 0 if there is none."""
    return max((max(r.get("updated", 0), r.get("viewed", 0), r.get("added", 0)) for r in records), default=0)


def _plays(record: Mapping[str, Any]) -> int:
    return int(record.get("plays", 0))

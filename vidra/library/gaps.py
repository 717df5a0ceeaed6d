"""What a media server left open about its items, and how that is filled without touching its words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import orjson

from vidra.library.catalogue import Record
from vidra.library.records import ItemRecord, guids_of, is_live, replaced

AGAIN_S: Final = 30 * 86400
"""Seconds after which an item that still has gaps is asked for once more."""
PICTURES: Final = "https://image.tmdb.org/t/p/original"
_KINDS: Final = frozenset({"movie", "show"})
_IDS: Final = ("tmdb", "imdb", "tvdb")
_OF_WORKS: Final = ("overview", "rating", "genres", "poster", "backdrop")
_OF_EPISODES: Final = ("overview", "rating", "released", "poster")
"""What is asked for of each; a server that says nothing else has no gap."""


def has_gaps(record: Record, *, now: int) -> bool:
    """Whether TMDB should be asked for the item: it lacks something, and was not asked for lately."""
    if record["kind"] not in _KINDS or not is_live(record) or not external_ids(record):
        return False
    if now - record.get("filled_at", 0) < AGAIN_S:
        return False
    return bool(_lacking(record)) or "imdb" not in external_ids(record)


def has_episode_gaps(record: Record, *, now: int) -> bool:
    """Whether TMDB should be asked for the episode's season; `has_gaps` for what has no page of its own."""
    if record["kind"] != "episode" or not is_live(record) or not record.get("show"):
        return False
    if record.get("season") is None or record.get("episode") is None:
        return False
    return now - record.get("filled_at", 0) >= AGAIN_S and bool(_lacking(record))


def external_ids(record: Record, *, filled: bool = False) -> dict[str, str]:
    """Return the ids that the server gave, or with `filled` all, by provider: `{"tmdb": "603"}`."""
    parts = [guid.partition("://") for guid in (guids_of(record) if filled else record.get("guids", ()))]
    return {provider: value for provider, _, value in parts if provider in _IDS}


def filled_in(record: Record, found: Mapping[str, Any] | None, *, now: int) -> ItemRecord:
    """Return the item with its gaps filled by what was found; None: TMDB has no such item.

    What the server said is not touched: `filled` and `more_guids` stand beside it.
    """
    known, found = external_ids(record), found or {}
    filled = {name: found[name] for name in _lacking(record) if found.get(name)}
    if filled.get("rating") and found.get("votes"):
        filled["votes"] = found["votes"]
    more = [f"{name}://{value}" for name in _IDS if name not in known and (value := found.get(f"{name}_id"))]
    kept = {name: value for name, value in record.items() if name not in {"filled", "more_guids"}}
    new = replaced(kept, filled_at=now)
    if filled:
        new["filled"] = orjson.dumps(filled).decode()
    if more:
        new["more_guids"] = more
    return new


def fillings(record: Record, page: Mapping[str, Any]) -> dict[str, Any]:
    """Return what to show in the gaps of a page; nothing for what the server has said since."""
    if not record.get("filled"):
        return {}
    filled: dict[str, Any] = orjson.loads(record["filled"])
    shown = {
        "released": filled.get("released"),
        "summary": filled.get("overview"),
        "rating": filled.get("rating"),
        "genres": filled.get("genres"),
    }
    pictures = {"thumb": filled.get("poster"), "art": filled.get("backdrop")}
    fresh: dict[str, Any] = {name: value for name, value in shown.items() if value and not page.get(name)}
    artwork = {n: PICTURES + path for n, path in pictures.items() if path and not page.get(n)}
    if artwork:
        fresh["artwork"] = artwork
    return fresh | {"from_tmdb": sorted(fresh)} if fresh else {}


def _lacking(record: Record) -> list[str]:
    details = str(record.get("details", ""))
    there = {
        "overview": '"summary":' in details,
        "rating": record.get("rating") is not None,
        "released": bool(record.get("released")),
        "genres": bool(record.get("genres")),
        "poster": bool(record.get("thumb")),
        "backdrop": '"art":' in details,
    }
    asked = _OF_EPISODES if record["kind"] == "episode" else _OF_WORKS
    return [name for name in asked if not there[name]]

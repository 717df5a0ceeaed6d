"""An item as an object for programs: the names that `--json` and the API share."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import orjson

from vidra.clock import iso
from vidra.library.catalogue import Record
from vidra.library.gaps import fillings
from vidra.library.ratings import normalised
from vidra.library.records import guids_of
from vidra.library.rows import Shown

_PLAIN = (
    "section", "kind", "title", "year", "released", "duration_ms", "rating", "user_rating", "genres",
    "guids", "season", "episode", "show_title", "thumb",
)  # fmt: skip


def brief(shown: Shown) -> dict[str, Any]:
    """Return what a list shows of an item; what is not known is left out. Instants are ISO-8601 UTC."""
    record = shown.record
    page: dict[str, Any] = {"item": f"{shown.source}/{record['key']}", "source": shown.source}
    page |= {name: record[name] for name in _PLAIN if name in record}
    if record.get("more_guids"):
        page["guids"] = guids_of(record)
    page |= {"added_at": moment(record.get("added")), "updated_at": moment(record.get("updated"))}
    if record.get("children") is not None:
        page["children"] = record["children"]
    page["watch"] = {
        "watched": bool(record.get("watched")),
        "play_count": record.get("plays", 0),
        "position_ms": record.get("position_ms", 0),
        "last_viewed_at": moment(record.get("viewed")),
    }
    if record.get("watched_children") is not None:
        page["watch"]["watched_children"] = record["watched_children"]
    return page


def full(shown: Shown) -> dict[str, Any]:
    """Return everything that is known of an item."""
    record = shown.record
    page = brief(shown)
    for name in ("original", "sort"):
        if record.get(name):
            page[f"{name}_title"] = record[name]
    details = details_of(record)
    page |= {name: value for name, value in details.items() if name != "scores"}
    page |= fillings(record, page)
    page["ratings"] = normalised(details.get("scores", ()))
    return page


def details_of(record: Record) -> dict[str, Any]:
    """Return what only a look at the single item needs."""
    found: dict[str, Any] = orjson.loads(record["details"]) if record.get("details") else {}
    return found


def moment(seconds: int | None) -> str | None:
    """Return whole seconds since 1970 as ISO-8601."""
    return None if seconds is None else iso(datetime.fromtimestamp(seconds, UTC))


def label(record: Record) -> str:
    """Return the item's name for a person, in one line."""
    title = str(record["title"])
    if record["kind"] == "episode":
        number = f"S{record.get('season', 0):02d}E{record.get('episode', 0):02d}"
        return f"{record.get('show_title', '')} {number} {title}".strip()
    if record["kind"] == "season" and record.get("show_title"):
        return f"{record['show_title']} {title}"
    return f"{title} ({record['year']})" if record.get("year") else title

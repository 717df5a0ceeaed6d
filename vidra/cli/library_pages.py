"""Library items as lines for a person; pure functions over records and pages."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from vidra.cli.progress.wording import clean, duration, percent
from vidra.engine.library.reading import name_of
from vidra.library.pages import label
from vidra.library.rows import Shown
from vidra.library.watching import WatchChange

ITEM_HEADER = ("ITEM", "KIND", "SEEN", "LENGTH", "TITLE")
QUEUE_HEADER = ("CHANGE", "STATE", "TRIES", "WHAT", "TITLE", "WHY")
SECTION_HEADER = ("SOURCE", "SECTION", "KIND", "SYNCED", "ITEMS", "TITLE")
_HOUR, _DAY = 3600, 86400


def item_row(shown: Shown) -> tuple[str, ...]:
    """Return the cells of one item under `ITEM_HEADER`."""
    record = shown.record
    length = record.get("duration_ms")
    return (
        name_of(shown),
        record["kind"],
        seen(record),
        duration(length / 1000) if length else "",
        clean(label(record)),
    )


def seen(record: Mapping[str, Any]) -> str:
    """Return how far an item was watched, in one word."""
    length, position = record.get("duration_ms", 0), record.get("position_ms", 0)
    if position:
        return percent(100 * position / length).strip() if length else duration(position / 1000)
    if record.get("watched"):
        return "yes"
    if record.get("watched_children"):
        return f"{record['watched_children']}/{record.get('children', '?')}"
    return ""


def section_row(page: Mapping[str, Any]) -> tuple[str, ...]:
    """Return the cells of one section under `SECTION_HEADER`."""
    counts = ", ".join(f"{number} {kind}" for kind, number in page["items"].items())
    synced = "failed" if page["error"] else short_moment(page["synced_at"])
    return (page["source"], page["section"], page["kind"], synced, counts, clean(page["title"]))


def queue_row(change: WatchChange) -> tuple[str, ...]:
    """Return the cells of one queued change under `QUEUE_HEADER`."""
    told = []
    if change.watched is not None:
        told.append("watched" if change.watched else "unwatched")
    if change.position_ms is not None:
        told.append(f"at {duration(change.position_ms / 1000)}")
    if change.rating is not None:
        told.append(f"rated {change.rating:g}")
    return (
        change.key,
        change.state.value,
        str(change.attempts),
        ", ".join(told),
        clean(change.title),
        clean(change.error or ""),
    )


def item_lines(page: Mapping[str, Any]) -> Iterator[str]:
    """Yield the page of `vidra library show`."""
    watch, ratings = page["watch"], page["ratings"]
    facts = {
        "item": page["item"],
        "title": page["title"],
        "show": page.get("show_title", ""),
        "year": page.get("year", ""),
        "released": page.get("released", ""),
        "length": duration(page["duration_ms"] / 1000) if page.get("duration_ms") else "",
        "genres": ", ".join(page.get("genres", ())),
        "ids": ", ".join(page.get("guids", ())),
        "rating": page.get("rating", ""),
        "ratings": _ratings(ratings),
        "your rating": page.get("user_rating", ""),
        "watched": "yes" if watch["watched"] else "no",
        "position": duration(watch["position_ms"] / 1000) if watch["position_ms"] else "",
        "last seen": short_moment(watch["last_viewed_at"]),
        "added": short_moment(page["added_at"]),
        "intro": _span(page.get("markers", {}).get("intro")),
        "credits": _span(page.get("markers", {}).get("credits")),
        "summary": page.get("summary", ""),
    }
    yield from (f"{name:<12} {clean(str(value))}" for name, value in facts.items() if value not in {"", None})
    for file in page.get("files", ()):
        yield f"{'file':<12} {clean(str(file.get('path') or file.get('stream_path') or file['id']))}"
    for extra in page.get("extras", ()):
        yield f"{'extra':<12} {clean(str(extra['title']))}"
    for member in page.get("members", ()):
        yield f"{'member':<12} {member['kind']}/{member['id']}  {clean(str(member['title']))}"


def freshness(pages: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield one line for each source whose data is not of a complete sync, or is a day old."""
    for page in pages:
        age = page["age_s"]
        if page["errors"]:
            why = "; ".join(page["errors"].values())
            yield f"{page['source']}: shows what is known{_aged(age)}; the last sync: {clean(why)}"
        elif age is None or age >= _DAY:
            yield f"{page['source']}: shows what is known{_aged(age)}"


def ago(seconds: int) -> str:
    """Return `3 min ago`, `5 h ago`, `2 d ago`."""
    if seconds < _HOUR:
        return f"{seconds // 60} min ago"
    return f"{seconds // _HOUR} h ago" if seconds < _DAY else f"{seconds // _DAY} d ago"


def short_moment(text: str | None) -> str:
    """Return `2026-11-20 20:21:59Z` for a time of a page."""
    return "" if text is None else f"{text[:19].replace('T', ' ')}Z"


def _aged(age: int | None) -> str:
    return "" if age is None else f", from {ago(age)}"


def _ratings(ratings: Mapping[str, Any]) -> str:
    imdb, tomatoes = ratings["imdb"] or {}, ratings["rotten_tomatoes"] or {}
    parts = [f"IMDb {imdb['rating']}"] if "rating" in imdb else []
    parts += [f"Rotten Tomatoes {who} {tomatoes[who]} %" for who in ("critic", "audience") if who in tomatoes]
    return ", ".join(parts)


def _span(span: Mapping[str, Any] | None) -> str:
    if not span:
        return ""
    return f"{duration(span['start_ms'] / 1000)} to {duration(span['end_ms'] / 1000)}"

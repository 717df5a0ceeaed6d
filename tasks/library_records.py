"""From what a media server says to the records of the library."""

from __future__ import annotations

from datetime import datetime
from operator import attrgetter
from typing import Any, cast

import orjson

from vidra.library.records import ItemRecord, SectionRecord, key_of
from vidra.servers.interface import Credit, Item, MediaFile, Row, Score, Section

_FILE, _CREDIT, _SCORE = tuple(MediaFile.__slots__), tuple(Credit.__slots__), tuple(Score.__slots__)
_file, _credit, _score = attrgetter(*_FILE), attrgetter(*_CREDIT), attrgetter(*_SCORE)


def item_record(item: Item, section: str) -> ItemRecord:
    """Return the record of an item of that section; what the server did not say is left out."""
    watch = item.watch
    fields: dict[str, Any] = {
        "sort": item.sort_title,
        "original": item.original_title,
        "year": item.year,
        "released": item.released,
        "duration_ms": item.duration_ms,
        "rating": item.rating,
        "user_rating": item.user_rating,
        "genres": list(item.genres),
        "guids": list(item.guids),
        "added": _seconds(item.added_at),
        "updated": _seconds(item.updated_at),
        "parent": item.parent_id,
        "show": item.show_id,
        "show_title": item.show_title,
        "season": item.season_number,
        "episode": item.episode_number,
        "children": item.child_count,
        "watched_children": item.watched_count,
        "thumb": item.thumb,
        "details": _details(item),
        "watched": watch.watched or None,
        "plays": watch.play_count or None,
        "position_ms": watch.position_ms or None,
        "viewed": _seconds(watch.last_viewed_at),
    }
    kind = item.kind.value
    record: dict[str, Any] = {
        "version": 1,
        "key": key_of(section, kind, item.id),
        "section": section,
        "kind": kind,
        "id": item.id,
        "title": item.title,
    }
    record.update([(name, value) for name, value in fields.items() if value is not None and value != []])
    return cast("ItemRecord", record)


def section_record(section: Section) -> SectionRecord:
    """Return the record of a section, without what earlier syncs noted about it."""
    return SectionRecord(
        version=1,
        key=section.id,
        title=section.title,
        kind=section.kind.value,
        locations=list(section.locations),
    )


def row_record(row: Row, position: int, keys: list[str]) -> dict[str, Any]:
    """Return the record of a row of the home screen with the keys of its items."""
    return {
        "version": 1,
        "key": row.id,
        "kind": row.kind.value,
        "title": row.title,
        "position": position,
        "items": keys,
    }


def _details(item: Item) -> str | None:
    details: dict[str, Any] = {}
    if item.summary:
        details["summary"] = item.summary
    if item.content_rating:
        details["content_rating"] = item.content_rating
    if item.art:
        details["art"] = item.art
    if item.scores:
        details["scores"] = [_filled(_SCORE, _score(score)) for score in item.scores]
    if item.credits:
        details["credits"] = [_filled(_CREDIT, _credit(credit)) for credit in item.credits]
    if item.files:
        details["files"] = [_filled(_FILE, _file(file)) for file in item.files]
    return orjson.dumps(details).decode() if details else None


def _filled(names: tuple[str, ...], values: tuple[object, ...]) -> dict[str, Any]:
    return {name: value for name, value in zip(names, values, strict=True) if value is not None}


def _seconds(moment: datetime | None) -> int | None:
    return None if moment is None else int(moment.timestamp())

"""A closer look at one item: cast, files, markers, extras, members; asked of its server and kept here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import orjson

from vidra.engine.sources.access import SourceRoom
from vidra.errors import AuthRequired, Missing, Refused
from vidra.library.pages import details_of
from vidra.library.records import ITEMS, replaced
from vidra.library.rows import Shown
from vidra.servers.interface import Item, ItemKind, Markers, MediaServer
from vidra.state.keyed import KeyedStore


async def look_closer(room: SourceRoom, shelf: KeyedStore, shown: Shown) -> Shown:
    """Return the item with what only its server knows, and keep that for when the server is away.

    Raises the server's errors; markers and extras that a server does not have are none.
    """
    item_id = str(shown.record["id"])
    async with room.server(shown.source) as server:
        details = details_of(shown.record)
        if shown.record["kind"] != ItemKind.PLAYLIST:  # which servers do not show like other items
            details |= _told(await server.item(item_id))
            details |= {"markers": _spans(await server.markers(item_id))}
            details |= {"extras": await _extras(server, item_id)}
        if members := await server.members(item_id, ItemKind(shown.record["kind"])):
            details["members"] = [{"id": m.id, "kind": m.kind.value, "title": m.title} for m in members]
    looked = int(room.clock.now().timestamp())
    record = replaced(shown.record, details=orjson.dumps(details).decode(), looked=looked)
    shelf.put([(ITEMS, str(record["key"]), record)])
    return Shown(source=shown.source, record=record)


async def _extras(server: MediaServer, item_id: str) -> list[dict[str, Any]]:
    try:
        found = await server.extras(item_id)
    except AuthRequired:
        raise
    except (Missing, Refused):
        return []  # a server, or a kind of item, without them
    return [{"id": extra.id, "title": extra.title, "duration_ms": extra.duration_ms} for extra in found]


def _told(item: Item) -> dict[str, Any]:
    told: dict[str, Any] = {
        "summary": item.summary,
        "content_rating": item.content_rating,
        "art": item.art,
        "credits": [_filled(asdict(credit)) for credit in item.credits],
        "files": [_filled(asdict(file)) for file in item.files],
        "scores": [_filled(asdict(score)) for score in item.scores],
    }
    return {name: value for name, value in told.items() if value}


def _spans(markers: Markers) -> dict[str, dict[str, int]]:
    found = {"intro": markers.intro, "credits": markers.credits}
    return {name: asdict(span) for name, span in found.items() if span is not None}


def _filled(fields: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in fields.items() if value is not None}

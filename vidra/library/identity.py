"""Recognises an item whose id has changed: a library that was rebuilt is still the same library."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from typing import Any

Identity = tuple[object, ...]


def folded(text: str) -> str:
    """Return the text without case and accents, for comparing what people type with what servers say."""
    if text.isascii():
        return text.lower()
    decomposed = unicodedata.normalize("NFKD", text.casefold())
    return "".join(c for c in decomposed if not unicodedata.combining(c))


def identities(record: Mapping[str, Any]) -> list[Identity]:
    """Return what the item can be recognised by, the surest first.

    An episode by show, season and number, since providers disagree about episodes; anything else by
    its external ids. A title alone is no identity.
    """
    kind = record["kind"]
    if kind == "episode" and record.get("show_title") and record.get("episode") is not None:
        return [(kind, folded(record["show_title"]), record.get("season"), record["episode"])]
    if kind == "season" and record.get("show_title") and record.get("season") is not None:
        return [(kind, folded(record["show_title"]), record["season"])]
    return [(kind, guid) for guid in record.get("guids", ())]


def moved(
    gone: Iterable[Mapping[str, Any]], new: Iterable[Mapping[str, Any]]
) -> list[tuple[Mapping[str, Any], Mapping[str, Any]]]:
    """Return pairs (old record, new record) of the same item under another id.

    An identity that several old or several new records share decides nothing.
    """
    old_by, new_by = _by_identity(gone), _by_identity(new)
    pairs: dict[str, tuple[Mapping[str, Any], Mapping[str, Any]]] = {}
    taken: set[str] = set()
    for identity, old in old_by.items():
        match = new_by.get(identity)
        if old is None or match is None or match["key"] in taken or old["key"] in pairs:
            continue
        pairs[old["key"]] = (old, match)
        taken.add(match["key"])
    return list(pairs.values())


def _by_identity(records: Iterable[Mapping[str, Any]]) -> dict[Identity, Mapping[str, Any] | None]:
    found: dict[Identity, Mapping[str, Any] | None] = {}
    for record in records:
        for identity in identities(record):
            found[identity] = None if identity in found else record
    return found

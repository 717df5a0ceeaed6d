"""Pages of items over all libraries or one, with how fresh what they show is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from vidra.clock import Clock
from vidra.engine.library.reading import Library, Shelf
from vidra.errors import UsageError
from vidra.library.filters import Wanted
from vidra.library.identity import folded
from vidra.library.pages import moment
from vidra.library.rows import Shown


@dataclass(frozen=True, kw_only=True, slots=True)
class ItemPage:
    """Some of the wanted items, and how many there are."""

    items: Sequence[Shown]
    total: int


def choose(
    library: Library, wanted: Wanted, *, source: str | None = None, offset: int = 0, limit: int = 50
) -> ItemPage:
    """Return a page of the wanted items; several sources one behind the other."""
    found = library.remembered(
        (wanted, source),
        lambda: [
            Shown(source=shelf.source, record=record)
            for shelf in library.shelves(source)
            for record in wanted.chosen(shelf.catalogue.all())
        ],
    )
    return ItemPage(items=found[offset : offset + limit], total=len(found))


def section_id(library: Library, source: str, name: str) -> str:
    """Return the id of a section by id or title; raise `UsageError` naming those there are."""
    sections = library.shelves(source)[0].sections
    for section in sections:
        if name == section["key"] or folded(name) == folded(section["title"]):
            return str(section["key"])
    known = ", ".join(f"`{section['title']}`" for section in sections) or "none"
    raise UsageError(f"source `{source}` has no section `{name}`; there are: {known}")


def section_pages(library: Library, source: str | None = None) -> list[dict[str, Any]]:
    """Return every section with the number of items of each kind, and how its last sync went."""
    pages: list[dict[str, Any]] = []
    for shelf in library.shelves(source):
        counts: dict[str, Counter[str]] = {}
        for record in shelf.catalogue.all():
            counts.setdefault(record["section"], Counter())[record["kind"]] += 1
        pages += [_section_page(shelf.source, one, counts.get(one["key"], {})) for one in shelf.sections]
    return pages


def source_pages(library: Library, *, clock: Clock, source: str | None = None) -> list[dict[str, Any]]:
    """Return how fresh each source's data is: state and age of the last complete sync."""
    return [_source_page(shelf, int(clock.now().timestamp())) for shelf in library.shelves(source)]


def statistics(library: Library, *, source: str | None = None) -> list[dict[str, Any]]:
    """Return per source: items by kind, watched ones, and their length together."""
    pages = []
    for shelf in library.shelves(source):
        kinds = Counter(record["kind"] for record in shelf.catalogue.all())
        seen = Counter(record["kind"] for record in shelf.catalogue.all() if record.get("watched"))
        length = sum(record.get("duration_ms", 0) for record in shelf.catalogue.all())
        pages.append(
            {
                "source": shelf.source,
                "sections": len(shelf.sections),
                "items": dict(kinds),
                "watched": dict(seen),
                "duration_ms": length,
            }
        )
    return pages


def _section_page(source: str, section: Mapping[str, Any], counts: Mapping[str, int]) -> dict[str, Any]:
    return {
        "source": source,
        "section": section["key"],
        "title": section["title"],
        "kind": section.get("kind", "mixed"),
        "items": dict(counts),
        "synced_at": moment(section.get("synced")),
        "error": section.get("error"),
    }


def _source_page(shelf: Shelf, now: int) -> dict[str, Any]:
    status = shelf.status
    since = None if status is None else status.complete_since
    return {
        "source": shelf.source,
        "state": None if status is None else status.state.value,
        "progress": None if status is None else round(status.progress, 4),
        "synced_at": moment(since),
        "age_s": None if since is None else max(0, now - since),
        "errors": {} if status is None else dict(status.errors),
        "warnings": [] if status is None else list(status.warnings),
        "items": len(shelf.catalogue),
    }

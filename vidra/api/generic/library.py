"""`/api/v1/library`: what the media servers have, from memory, with its age; and what was watched of it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any, Final

from fastapi import APIRouter, Path, Query, Response

from vidra.api.context import Context
from vidra.api.generic.library_models import (
    Change,
    ChangeList,
    ItemList,
    LibraryItem,
    Sections,
    Statistics,
    WatchRequest,
)
from vidra.api.generic.library_reading import Reading, Shelves
from vidra.api.generic.routes import PROBLEMS
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.engine.library import choosing
from vidra.engine.library.acting import mark, queued, rate, record_changes, report
from vidra.engine.library.closer import look_closer
from vidra.engine.library.deploying import FLOW
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue
from vidra.engine.sources.access import open_sources
from vidra.errors import EngineError, TryLater
from vidra.library.filters import Order, Wanted
from vidra.library.pages import brief, full

router = APIRouter(prefix=f"{GENERIC}/library", responses=PROBLEMS, tags=["library"])

_PUSH_BUCKET_S: Final = 30

Source = Annotated[str | None, Query(max_length=128, description="Only of this source.")]
Kinds = Annotated[list[str] | None, Query(max_length=20, description="Only of these kinds.")]
Limit = Annotated[int, Query(ge=1, le=500, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=10_000_000, description="How many to leave out first.")]
ItemName = Annotated[str, Path(max_length=1000, description="Its name, or an external id.")]


@router.get("", response_model=Sections)
async def list_sections(reading: Reading, source: Source = None) -> Response:
    """List the sections of all sources with what they hold, and how fresh that is."""
    return await reading.page(lambda: {"sections": choosing.section_pages(reading.library, source)})


@router.get("/items", response_model=ItemList)
async def list_items(
    reading: Reading,
    *,
    source: Source = None,
    section: Annotated[
        str | None, Query(max_length=200, description="Id or title of a section of `source`.")
    ] = None,
    kind: Kinds = None,
    below: Annotated[
        str | None, Query(max_length=1000, description="Only what belongs to this show, season or album.")
    ] = None,
    year: Annotated[int | None, Query(ge=1, le=9999, description="Only of this year.")] = None,
    genre: Annotated[str | None, Query(max_length=100, description="Only of this genre.")] = None,
    watched: Annotated[bool | None, Query(description="Only what was, or was not, watched.")] = None,
    sort: Annotated[Order, Query(description="What the list is sorted by.")] = Order.TITLE,
    offset: Offset = 0,
    limit: Limit = 50,
) -> Response:
    """List items, page by page. Without `kind` or `below`: films, shows, artists, not their parts."""
    library = reading.library

    def read() -> dict[str, Any]:
        """Read and choose, on a thread of its own."""
        holder = None if below is None else library.find(below)
        only = holder.source if holder else source
        wanted = Wanted(
            section=choosing.section_id(library, only, section) if section and only else section,
            kinds=frozenset(kind or ()),
            year=year,
            genre=genre,
            watched=watched,
            below=None if holder is None else holder.record["id"],
            order=sort,
        )
        page = choosing.choose(library, wanted, source=only, offset=offset, limit=limit)
        return {"items": [brief(shown) for shown in page.items], "total": page.total}

    return await reading.page(read)


@router.get("/items/{item:path}", response_model=LibraryItem)
async def show_item(
    item: ItemName,
    services: Context,
    reading: Reading,
    *,
    live: Annotated[
        bool, Query(description="Ask the server for cast, files, intro, credits and extras, if it answers.")
    ] = False,
) -> Response:
    """Show everything that is known of one item."""
    if live:
        await _look_closer(services, reading.library, item)
    return await reading.page(lambda: full(reading.library.find(item)), fresh=False)


@router.get("/search", response_model=ItemList)
async def search(
    reading: Reading,
    q: Annotated[str, Query(min_length=1, max_length=200, description="Words of title, show or year.")],
    kind: Kinds = None,
    source: Source = None,
    limit: Limit = 50,
) -> Response:
    """Find items by words, best first; case and accents do not matter."""
    return await reading.items(
        lambda: reading.library.search(q, source=source, kinds=kind or (), limit=limit)
    )


@router.get("/find", response_model=ItemList)
async def find(
    reading: Reading,
    guid: Annotated[str, Query(min_length=1, max_length=200, description="External id: `tmdb://603`.")],
) -> Response:
    """Find items by an external id, on every source."""
    return await reading.items(lambda: reading.library.by_guid(guid))


@router.get("/on-deck", response_model=ItemList)
async def on_deck(reading: Reading, source: Source = None, limit: Limit = 20) -> Response:
    """List what comes next."""
    return await reading.items(lambda: reading.library.on_deck(source=source, limit=limit))


@router.get("/continue", response_model=ItemList)
async def continue_watching(reading: Reading, source: Source = None, limit: Limit = 20) -> Response:
    """List what was begun and not finished, no work twice."""
    return await reading.items(lambda: reading.library.continue_watching(source=source, limit=limit))


@router.get("/recent", response_model=ItemList)
async def recent(reading: Reading, source: Source = None, kind: Kinds = None, limit: Limit = 20) -> Response:
    """List what is new."""
    return await reading.items(lambda: reading.library.recent(source=source, kinds=kind or (), limit=limit))


@router.get("/stats", response_model=Statistics)
async def statistics(reading: Reading, source: Source = None) -> Response:
    """Count what there is, and what was watched of it."""
    return await reading.page(
        lambda: {"sources": choosing.statistics(reading.library, source=source)}, fresh=False
    )


@router.get("/changes")
async def list_changes(services: Context, source: Source = None) -> ChangeList:
    """List what the servers still have to be told, and why it waits."""

    def work() -> ChangeList:
        """Read the queue, on a thread of its own."""
        with open_queue(services.backend.settings.storage) as queue:
            found = queued(queue, source)
        return ChangeList(changes=[Change.model_validate(one.model_dump(mode="json")) for one in found])

    return await asyncio.to_thread(work)


@router.post("/watch", status_code=202)
async def watch(asked: WatchRequest, services: Context, library: Shelves) -> Change:
    """Say what was watched: shown here at once, sent to the server as soon as it answers."""
    change = await asyncio.to_thread(_record, services, library, asked)
    request = {"request": {"sources": [change.source], "push_only": True}}
    bucket = int(services.backend.clock.now().timestamp() // _PUSH_BUCKET_S)
    with suppress(EngineError):  # it is in the queue, and goes out with the next sync
        key = f"push:{change.source}:{bucket}"
        await services.backend.engine.trigger(FLOW, request, idempotency_key=key)
    return change


async def _look_closer(services: Services, library: Library, item: str) -> None:
    shown = await asyncio.to_thread(library.find, item)
    backend = services.backend
    with suppress(TryLater):  # the server is away: what is known has to do
        async with open_sources(backend.settings, services.state.sources, clock=backend.clock) as room:
            await look_closer(room, library.shelves(shown.source)[0].store, shown)


def _record(services: Services, library: Library, asked: WatchRequest) -> Change:
    shown, clock = library.find(asked.item), services.backend.clock
    changes = []
    if asked.watched is not None:
        changes.append(mark(shown, watched=asked.watched, clock=clock))
    if asked.position_ms is not None:
        changes.append(report(shown, asked.position_ms, at=asked.at, clock=clock))
    if asked.rating is not None:
        changes.append(rate(shown, asked.rating, clock=clock))
    shelf = library.shelves(shown.source)[0].store
    with open_queue(services.backend.settings.storage) as queue:
        record_changes(queue, shelf, changes)
        stored = next(one for one in queued(queue, shown.source) if one.key == changes[0].key)
    return Change.model_validate(stored.model_dump(mode="json"))

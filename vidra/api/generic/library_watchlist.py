"""`/api/v1/library/watchlist`: what the account of a Plex source wants to watch."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel

from vidra.api.context import Context
from vidra.api.generic.routes import PROBLEMS
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.engine.library.watchlist import catalogue_id, open_watchlist, watchlist_page
from vidra.engine.sources.access import open_sources
from vidra.servers.plex_discover import PlexDiscover

router = APIRouter(prefix=f"{GENERIC}/library/watchlist", responses=PROBLEMS, tags=["library"])

Source = Annotated[str | None, Query(max_length=128, description="Plex source; needed if there are several.")]
CatalogueId = Annotated[str, Path(max_length=200, description="Id in Plex's catalogue.")]


class Wish(BaseModel):
    """One entry of a watchlist; `id` is that of Plex's catalogue, not of a server."""

    id: str
    kind: str
    title: str
    year: int | None
    guids: list[str]


class Watchlist(BaseModel):
    """What an account wants to watch."""

    items: list[Wish]


@router.get("")
async def show_watchlist(services: Context, source: Source = None) -> Watchlist:
    """List what is on the watchlist, as Plex has it now."""
    async with _opened(services, source) as discover:
        found = await discover.watchlist()
    return Watchlist(items=[Wish.model_validate(watchlist_page(item)) for item in found])


@router.put("/{item}", status_code=204)
async def add_to_watchlist(item: CatalogueId, services: Context, source: Source = None) -> None:
    """Put something on the watchlist; harmless to repeat."""
    wanted = catalogue_id(item)
    async with _opened(services, source) as discover:
        await discover.add(wanted)


@router.delete("/{item}", status_code=204)
async def remove_from_watchlist(item: CatalogueId, services: Context, source: Source = None) -> None:
    """Take something off the watchlist."""
    wanted = catalogue_id(item)
    async with _opened(services, source) as discover:
        await discover.remove(wanted)


@asynccontextmanager
async def _opened(services: Services, source: str | None) -> AsyncIterator[PlexDiscover]:
    backend = services.backend
    async with (
        open_sources(backend.settings, services.state.sources, clock=backend.clock) as room,
        open_watchlist(room, source) as discover,
    ):
        yield discover

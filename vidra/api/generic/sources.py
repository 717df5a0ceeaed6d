"""`/api/v1/sources`: media servers and folders, and how they are reached.

Adding and signing in stay with the command line: they ask a person for secrets, or show codes to one.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Annotated

from fastapi import APIRouter, Path, Query

from vidra.api.context import Context
from vidra.api.generic.routes import PROBLEMS
from vidra.api.generic.source_models import (
    Forgotten,
    SourceBody,
    SourceCheck,
    SourceEventBody,
    SourceEventList,
    SourceList,
)
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.engine.sources.access import SourceRoom, open_sources
from vidra.engine.sources.checks import check_sources
from vidra.engine.sources.sign_in import remove_source
from vidra.engine.sources.view import event_json, source_json
from vidra.errors import SourceNotFound
from vidra.redaction import redact
from vidra.state.source_interface import Source

router = APIRouter(prefix=GENERIC, responses=PROBLEMS, tags=["sources"])

SourceId = Annotated[str, Path(max_length=128, description="Id of the source.")]


@router.get("/sources")
async def list_sources(services: Context) -> SourceList:
    """List the sources with their connections."""
    sources = await asyncio.to_thread(services.state.sources.list)
    return SourceList(sources=[_body(services, one) for one in sources])


@router.get("/source-events")
async def list_events(
    services: Context,
    source: Annotated[str | None, Query(max_length=128, description="Only of this source.")] = None,
    limit: Annotated[int, Query(ge=1, le=500, description="How many at most.")] = 50,
) -> SourceEventList:
    """List what happened to sources lately, oldest first."""
    events = await asyncio.to_thread(services.state.sources.events, source, limit=limit)
    return SourceEventList(events=[SourceEventBody.model_validate(event_json(one)) for one in events])


@router.get("/sources/{source_id}")
async def show_source(source_id: SourceId, services: Context) -> SourceBody:
    """Show one source."""
    return _body(services, await asyncio.to_thread(services.state.sources.get, source_id))


@router.post("/sources/{source_id}/check")
async def check_source(source_id: SourceId, services: Context) -> SourceCheck:
    """Ask every address of the source now, try the credentials, and keep what was found."""
    await asyncio.to_thread(services.state.sources.get, source_id)
    async with _room(services) as room:
        found = await check_sources(room, [source_id])
    if not found:
        raise SourceNotFound(source_id)  # removed while it was asked
    (checked,) = found
    return SourceCheck(
        source=_body(services, checked.after),
        problem=redact(checked.problem) if checked.problem else None,
        events=[SourceEventBody.model_validate(event_json(one)) for one in checked.events],
    )


@router.delete("/sources/{source_id}")
async def forget_source(source_id: SourceId, services: Context) -> Forgotten:
    """Forget the source and its secrets; one that the configuration declares is refused."""
    source = await asyncio.to_thread(services.state.sources.get, source_id)
    async with _room(services) as room:
        secrets = await remove_source(room, source)
    return Forgotten(source_id=source_id, secrets=secrets)


@asynccontextmanager
async def _room(services: Services) -> AsyncIterator[SourceRoom]:
    backend = services.backend
    async with open_sources(backend.settings, services.state.sources, clock=backend.clock) as room:
        yield room


def _body(services: Services, source: Source) -> SourceBody:
    return SourceBody.model_validate(source_json(source, now=services.backend.clock.now()))

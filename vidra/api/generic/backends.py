"""`/api/v1/backends`: how supervised programs and watched services stand, and what an operator can do.

Nothing a client sends is a command, a path or an address: names of declared back ends, and the plain
name of a piece of a log. What is run and asked is the owner's configuration alone.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, Field

from vidra.api.context import Context
from vidra.api.generic.routes import PROBLEMS
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.engine.backends.standings import PARTS, log_of, standings_now
from vidra.engine.backends.view import BackendView
from vidra.engine.lifecycle.control_client import Control
from vidra.errors import BackendNotFound, EngineUnreachable
from vidra.supervisor.log_reading import last_lines, log_file

router = APIRouter(prefix=GENERIC, responses=PROBLEMS, tags=["backends"])

Name = Annotated[str, Path(pattern=r"^[a-z0-9][a-z0-9_-]{0,63}$", description="Name of the back end.")]


class BackendList(BaseModel):
    """All declared back ends, in the order of their declaration."""

    running: bool = Field(description="Whether Vidra supervises now; else this is how they stood last.")
    backends: list[BackendView]


class BackendLog(BaseModel):
    """The end of a back end's log."""

    name: str
    lines: list[str]


@router.get("/backends")
async def list_backends(services: Context) -> BackendList:
    """List the back ends and how they stand."""
    views, running = await asyncio.to_thread(_views, services)
    return BackendList(running=running, backends=views)


@router.get("/backends/{name}")
async def show_backend(name: Name, services: Context) -> BackendView:
    """Show one back end: state, address, and what is wrong, with evidence and what can be done."""
    views, _ = await asyncio.to_thread(_views, services)
    return _find(views, name)


@router.post("/backends/{name}/start", status_code=202)
async def start_backend(name: Name, services: Context) -> BackendView:
    """Start a back end, one that was given up too; returns once that is decided."""
    return await asyncio.to_thread(_control(services, name).start, name)


@router.post("/backends/{name}/stop", status_code=202)
async def stop_backend(name: Name, services: Context) -> BackendView:
    """Stop a back end; it stays stopped until somebody starts it."""
    return await asyncio.to_thread(_control(services, name).stop, name)


@router.post("/backends/{name}/restart", status_code=202)
async def restart_backend(name: Name, services: Context) -> BackendView:
    """Stop and start a back end, or run the restart command of a service."""
    return await asyncio.to_thread(_control(services, name).restart, name)


@router.post("/backends/{name}/reset", status_code=202)
async def reset_backend(name: Name, services: Context) -> BackendView:
    """Forget its crashes; one that was given up counts as stopped then."""
    return await asyncio.to_thread(_control(services, name).reset, name)


@router.post("/backends/{name}/keep-waiting", status_code=202)
async def keep_waiting(name: Name, services: Context) -> BackendView:
    """Give a slow start more time."""
    return await asyncio.to_thread(_control(services, name).keep_waiting, name)


@router.get("/backends/{name}/logs")
async def show_backend_log(
    name: Name,
    services: Context,
    lines: Annotated[int, Query(ge=1, le=2000, description="How many of the latest lines.")] = 100,
    piece: Annotated[
        str | None, Query(max_length=200, description="File name of an older piece of the log.")
    ] = None,
) -> BackendLog:
    """Show the end of a back end's log."""
    path = log_file(log_of(services.backend.settings, name), piece)
    return BackendLog(name=name, lines=await asyncio.to_thread(last_lines, path, lines))


def _views(services: Services) -> tuple[list[BackendView], bool]:
    settings = services.backend.settings
    try:
        return [view for view in Control(settings).list() if not view.part], True
    except EngineUnreachable:
        return list(standings_now(settings)), False


def _find(views: list[BackendView], name: str) -> BackendView:
    for view in views:
        if view.name == name:
            return view
    raise BackendNotFound(name, [view.name for view in views])


def _control(services: Services, name: str) -> Control:
    """Return the way to the supervisor; clients have no say over Vidra's own parts."""
    if name in PARTS or name not in services.backend.settings.backends:
        raise BackendNotFound(name, list(services.backend.settings.backends))
    return Control(services.backend.settings)

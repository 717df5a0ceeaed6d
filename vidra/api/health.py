"""Whether we live and what we are: `GET /`, `/healthz`, `/readyz`, `/metrics`, and the way to stop."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from fastapi import APIRouter, Request, Response

from vidra.api.answers import json_reply
from vidra.api.client.summary import summary_of
from vidra.api.context import Context
from vidra.api.guard import AUTHORISED, SHUTDOWN
from vidra.api.metrics import CONTENT_TYPE
from vidra.api.services import Services
from vidra.api.tokens import is_loopback
from vidra.clock import iso
from vidra.errors import StateError
from vidra.settings import Scheme, ServerSettings

router = APIRouter(tags=["health"])
shutdown_router = APIRouter(tags=["health"])

STOP_DELAY_S: Final = 0.05
"""Seconds between answering a shutdown and beginning it, so that the answer gets out."""


@router.get("/")
async def health(request: Request, services: Context) -> Response:
    """Say who we are, by the client's contract; strangers from the network learn no more than that."""
    server = services.backend.settings.server
    reply: dict[str, Any] = {
        "service": server.name,
        "time": iso(services.backend.clock.now()),
        "description": server.description,
        **advertised(server, request.headers.get("host", "")),
        "timeout_seconds": server.timeout_seconds,
    }
    client = request.client.host if request.client else ""
    if request.scope[AUTHORISED] or is_loopback(client):
        counts = services.pages.counts()  # mostly from memory: a thread would cost more than it spares
        reply |= {"overview": summary_of(counts), "metadata": dict(server.metadata)}
    return json_reply(reply)


@router.get("/healthz")
async def alive() -> Response:
    """Say that the server answers."""
    return json_reply({"status": "ok"})


@router.get("/readyz")
async def ready(services: Context) -> Response:
    """Say whether work can be taken: the state can be read and the engine answers."""
    state = await asyncio.to_thread(_state_is_fine, services)
    engine = await services.backend.engine.ready()
    checks = {"state": state, "engine": engine}
    return json_reply(
        {"status": "ready" if state and engine else "not_ready", "checks": checks},
        200 if state and engine else 503,
    )


@router.get("/metrics")
async def metrics(services: Context) -> Response:
    """Show counters in Prometheus' text format."""
    counts = await asyncio.to_thread(services.pages.counts)
    rooms = [(type(room).__name__, len(room.audience)) for room in services.hub.rooms()]
    return Response(services.metrics.text(counts, rooms), media_type=CONTENT_TYPE)


@shutdown_router.post(SHUTDOWN)
async def shut_down(services: Context) -> Response:
    """Stop the server: what is under way has three seconds to finish."""
    loop = asyncio.get_running_loop()
    loop.call_later(STOP_DELAY_S, services.backend.request_stop)
    return json_reply({"status": "stopping"})


def advertised(server: ServerSettings, host: str) -> Mapping[str, str]:
    """Return the addresses a client is told, from the settings and the name it asked for."""
    base = f"{server.scheme.value}://{host or f'{server.host}:{server.port}'}{_path(server.base_path)}"
    sockets = (
        base.replace("https://", "wss://")
        if server.scheme is Scheme.HTTPS
        else base.replace("http://", "ws://")
    )
    return {
        "base_url": base,
        "api_url": f"{base}{_path(server.api_root)}/",
        "overview_socket_url": f"{sockets}{_path(server.ws_overview_path)}",
        "job_socket_base_url": f"{sockets}{_path(server.ws_job_path)}/",
    }


def _path(path: str) -> str:
    return "" if path == "/" else f"/{path.strip('/')}"


def _state_is_fine(services: Services) -> bool:
    try:
        services.state.jobs.list(statuses=())
    except StateError:
        return False
    return True

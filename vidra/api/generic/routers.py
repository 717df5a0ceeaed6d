"""The routers of the generic face. A room that adds routes below `/api/v1` adds its router here.

Such a router has `prefix=GENERIC` and `responses=PROBLEMS`, takes `services: Context`, models its bodies
with pydantic and raises `VidraError`s: token, body limits, problems and the hostile tests come by themselves.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from fastapi import APIRouter
from starlette.routing import BaseRoute

from vidra.api.generic import (
    backend_streams,
    backends,
    library,
    library_media,
    library_watchlist,
    routes,
    sources,
    streams,
    subscriptions,
)

ROUTERS: Final[Sequence[APIRouter]] = (
    library.router,
    library_media.router,
    library_watchlist.router,
    routes.router,
    sources.router,
    streams.router,
    subscriptions.router,
    backend_streams.router,
    backends.router,
)
SOCKETS: Final[Sequence[BaseRoute]] = (*streams.SOCKETS, *backend_streams.SOCKETS)

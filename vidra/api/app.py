"""Puts the shim together: routes of both faces, guards around them, services below them."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from vidra import __version__
from vidra.api import health
from vidra.api.answers import (
    BadBody,
    on_bad_body,
    on_http_exception,
    on_invalid_request,
    on_vidra_error,
)
from vidra.api.client import extra_routes, job_routes, playlist_routes, snapshot_routes, sockets
from vidra.api.failed_tokens import FailedTokens
from vidra.api.generic.routers import ROUTERS, SOCKETS
from vidra.api.guard import Guard
from vidra.api.hosts import HostPolicy
from vidra.api.interface import Backend
from vidra.api.observation import Observer
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.api.streams.message import Ending
from vidra.errors import VidraError


def create_app(backend: Backend) -> FastAPI:
    """Return the application. Its lifespan moves the streams; nothing runs before it begins."""
    services = Services(backend)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        """Run what the services need beside the requests."""
        async with services.running():
            yield
            services.end_streams(Ending.SHUTDOWN)

    app = FastAPI(
        title="Vidra",
        version=__version__,
        summary="Trigger flows, watch them, and be the back end of the Vidra client.",
        openapi_url=f"{GENERIC}/openapi.json",
        docs_url=None,  # these pages load scripts from elsewhere
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    _add_routes(app, backend)
    _add_answers(app)
    _add_guards(app, services)
    return app


def _add_routes(app: FastAPI, backend: Backend) -> None:
    app.include_router(health.router)
    for router in ROUTERS:
        app.include_router(router)
    if backend.settings.server.preview_api and backend.previewer is not None:
        app.include_router(extra_routes.preview_router)
    app.include_router(extra_routes.router)
    app.include_router(job_routes.router)
    app.include_router(snapshot_routes.router)
    app.include_router(playlist_routes.router)
    if backend.supervised:
        app.include_router(health.shutdown_router)
    app.router.routes.extend([*sockets.ROUTES, *SOCKETS])


def _add_answers(app: FastAPI) -> None:
    app.add_exception_handler(VidraError, on_vidra_error)
    app.add_exception_handler(BadBody, on_bad_body)
    app.add_exception_handler(RequestValidationError, on_invalid_request)
    app.add_exception_handler(ValidationError, on_invalid_request)
    app.add_exception_handler(HTTPException, on_http_exception)


def _add_guards(app: FastAPI, services: Services) -> None:
    """Wrap the routes; what is added last stands outermost."""
    settings = services.backend.settings.server
    hosts = HostPolicy(bound=settings.host, names=settings.allowed_hosts, origins=settings.allowed_origins)
    backend = services.backend
    app.add_middleware(
        Guard,
        tokens=backend.tokens,
        hosts=hosts,
        failed=FailedTokens(a_minute=backend.wrong_tokens_a_minute),
        supervisor_token=backend.supervisor_token,
    )
    if settings.allowed_origins:
        app.add_middleware(
            CORSMiddleware,
            allow_origins=list(settings.allowed_origins),
            allow_methods=["GET", "POST", "DELETE"],
            allow_headers=[
                "authorization",
                "x-api-token",
                "content-type",
                "last-event-id",
                "idempotency-key",
            ],
        )
    app.add_middleware(Observer, metrics=services.metrics, verbose=settings.verbose)

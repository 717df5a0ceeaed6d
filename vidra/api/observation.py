"""One log line and one count for each request; the outermost edge, where nothing unexpected gets past."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
import uuid
from typing import Final

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidra.api.metrics import Metrics
from vidra.api.refusals import Refusal
from vidra.redaction import redact

log = logging.getLogger("vidra.api.requests")

BROKEN: Final = Refusal(
    status=500, code="internal_error", detail="something unexpected happened; the log has more"
)
STOPPING: Final = Refusal(
    status=503,
    code="stopping",
    detail="the server stops, and this took longer than it could wait",
    headers={"retry-after": "5"},
)


class Observer:
    """Wraps the guard; logs no query, no header and no body."""

    def __init__(self, app: ASGIApp, metrics: Metrics, *, verbose: bool) -> None:
        self._app, self._metrics, self._verbose = app, metrics, verbose

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve the request and take note of it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began, status = time.perf_counter(), 0
        request_id = uuid.uuid4().hex[:12]

        async def noting_send(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["x-request-id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, noting_send)
        except asyncio.CancelledError:  # only the server's own end cancels a request
            if status:
                raise
            await STOPPING.send(noting_send, scope["path"])
        except Exception:  # noqa: BLE001 - the outermost edge of a request: logged, and answered if still possible
            log.error("request %s failed:\n%s", request_id, redact(traceback.format_exc()))  # noqa: TRY400 - redacted first
            if not status:
                await BROKEN.send(noting_send, scope["path"])
        self._note(scope, status, time.perf_counter() - began, request_id)

    def _note(self, scope: Scope, status: int, seconds: float, request_id: str) -> None:
        method = scope["method"] if scope["method"] in _METHODS else "OTHER"
        route = getattr(scope.get("route"), "path", "-")
        self._metrics.answered(method, route, status, seconds)
        if self._verbose:
            log.info("%s %s %d %.1f ms %s", method, route, status, seconds * 1000, request_id)


_METHODS: Final = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})

"""`/api/v1/backends/events`: what happens to back ends, as Server-Sent Events and over a WebSocket.

Events are `backend-status` and `backend-notice`; the id of each is its number, so a client that comes
back with the last one it has misses nothing. One look at the records serves all listeners.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Header, Request, Response
from starlette.applications import Starlette
from starlette.datastructures import QueryParams
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from vidra.api.context import Context
from vidra.api.generic.routes import PROBLEMS
from vidra.api.generic.streams import EventStream
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.api.streams.message import Ending, Message, connected
from vidra.api.streams.sending import speak
from vidra.api.streams.subscriber import Subscriber
from vidra.api.streams.taking import led_by, taken
from vidra.engine.backends.standings import open_health, standings_now
from vidra.errors import StateError, UsageError
from vidra.redaction import redact
from vidra.settings import Settings
from vidra.state.backend_health import BackendHappening, BackendHealth

log = logging.getLogger(__name__)

POLL_S: Final = 0.1
"""Seconds between two looks at the records while somebody listens; one without news is a `stat`."""
_SSE: Final = {200: {"description": "Events, each with an `id:`.", "content": {"text/event-stream": {}}}}

router = APIRouter(prefix=GENERIC, tags=["backends"], responses=PROBLEMS | _SSE)  # type: ignore[operator]  # ints are both keys

LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=20)]


class BackendFeed:
    """Follows the records while somebody listens. Lives in one event loop."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._health: BackendHealth | None = None
        self._subscribers: set[Subscriber] = set()
        self.at = 0
        """Number of the latest event that subscribers were told of."""
        self._task: asyncio.Task[None] | None = None

    @contextmanager
    def listening(self, after: int | None) -> Iterator[tuple[Subscriber, list[Message]]]:
        """Yield a subscriber and what it has missed since event `after`; None means since now."""
        health = self._health
        if health is None or self._task is None:
            health = self._health = open_health(self._settings)
            self.at = health.latest()
            self._task = asyncio.create_task(self._follow(health), name="back end events")
        subscriber = Subscriber()
        missed = [] if after is None else self._missed(health, after)
        self._subscribers.add(subscriber)
        try:
            yield subscriber, missed
        finally:
            self._subscribers.discard(subscriber)
            if not self._subscribers:
                self._let_go()

    def _let_go(self) -> None:
        if self._task is not None:
            self._task.cancel()
        if self._health is not None:
            self._health.close()
        self._task = self._health = None

    async def _follow(self, health: BackendHealth) -> None:
        while True:
            await asyncio.sleep(POLL_S)
            try:
                self._advance(health)
            except StateError as error:
                log.error("events of back ends cannot be followed: %s", redact(str(error)))  # noqa: TRY400 - the text says it all
                for subscriber in self._subscribers:
                    subscriber.end(Ending.TOO_SLOW)

    def _advance(self, health: BackendHealth) -> None:
        news = health.since(self.at)
        messages = [self._snapshot(news.latest)] if news.reset else list(map(_message, news.events))
        self.at = news.latest
        for message in messages:
            for subscriber in self._subscribers:
                subscriber.offer(message)

    def _missed(self, health: BackendHealth, after: int) -> list[Message]:
        """Return what lies between the place and what subscribers were told of; that comes by itself."""
        news = health.since(after)
        if news.reset:
            return [self._snapshot(self.at)]
        return [_message(happening) for happening in news.events if happening.number <= self.at]

    def _snapshot(self, latest: int) -> Message:
        shown = [view.model_dump(mode="json") for view in standings_now(self._settings)]
        data = {"reason": "the history does not reach back to that place", "backends": shown}
        return Message(text=orjson.dumps(data).decode(), event="reset", place=str(latest))


def feed_of(app: Starlette) -> BackendFeed:
    """Return the application's feed, made when first needed."""
    feed = getattr(app.state, "backend_feed", None)
    if not isinstance(feed, BackendFeed):
        services: Services = app.state.services
        feed = app.state.backend_feed = BackendFeed(services.backend.settings)
    return feed


@router.get("/backends/events", response_class=EventStream)
async def backend_events(services: Context, request: Request, last_event_id: LastId = None) -> Response:
    """Stream what happens to back ends, from `Last-Event-ID` on or from now on."""
    events = _events(services, request, _place(last_event_id))
    hello = await anext(events)  # listening before the head of the answer goes out: nothing is missed
    return EventStream(led_by(hello, events), headers={"x-accel-buffering": "no"})


async def _events(services: Services, request: Request, after: int | None) -> AsyncGenerator[bytes, None]:
    feed = feed_of(request.app)
    with feed.listening(after) as (subscriber, missed):
        services.opened(subscriber, request.scope)
        try:
            here = f"id: {feed.at}\n" if after is None else ""
            yield b"".join([f": connected\n{here}\n".encode(), *(message.sse for message in missed)])
            async for part in taken(subscriber):
                yield part
        finally:
            services.closed(subscriber)


class BackendSocket:
    """The same events over a WebSocket; `?last_event_id=` resumes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side ends it."""
        services: Services = scope["app"].state.services
        try:
            after = _place(QueryParams(scope["query_string"]).get("last_event_id"))
        except UsageError:
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "no such place"})
            return
        feed = feed_of(scope["app"])
        with feed.listening(after) as (subscriber, missed):
            first = [connected(str(feed.at))] if after is None else missed
            await speak(scope, receive, send, subscriber, first, services, with_places=True)


def _place(text: str | None) -> int | None:
    if text is None:
        return None
    if not (text.isascii() and text.isdecimal() and len(text) <= 15):
        raise UsageError(f"event id {text[:20]!r}: expected the id of an event that was received")
    return int(text)


def _message(happening: BackendHappening) -> Message:
    data = {"backend": happening.name, "at": happening.at, **happening.facts}
    return Message(text=orjson.dumps(data).decode(), event=happening.event, place=str(happening.number))


SOCKETS = (WebSocketRoute(f"{GENERIC}/ws/backends/events", BackendSocket()),)

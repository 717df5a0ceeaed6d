"""`/api/v1/events`, of everything or of one run: as Server-Sent Events and over a WebSocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from functools import partial
from operator import attrgetter
from typing import Annotated, Final

import orjson
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import StreamingResponse
from starlette.datastructures import QueryParams
from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from vidra.api.context import Context
from vidra.api.generic.room import EventRoom
from vidra.api.generic.routes import PROBLEMS, RunId
from vidra.api.interface import RUN_OVER, RunNotFound
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.api.streams.message import Ending, Message, connected
from vidra.api.streams.outlet import Outlet
from vidra.api.streams.place import Place
from vidra.api.streams.sending import DIRECT, speak
from vidra.api.streams.subscriber import Subscriber
from vidra.api.streams.taking import led_by, parts_of, taken
from vidra.api.streams.topic import Topic
from vidra.errors import EngineError, UsageError

SSE: Final = attrgetter("sse")
RUN_POLL_S: Final = 1.0
"""Seconds between two looks at the state of a run that somebody watches."""

_SSE: Final = {
    200: {"description": "Events, each with an `id:` to resume from.", "content": {"text/event-stream": {}}}
}
router = APIRouter(prefix=GENERIC, tags=["events"], responses=PROBLEMS | _SSE)  # type: ignore[operator]  # ints are both keys

LastId = Annotated[str | None, Header(alias="Last-Event-ID", max_length=1024)]


class EventStream(StreamingResponse):
    """A stream of events; proxies are asked not to collect them."""

    media_type = "text/event-stream"


@router.get("/events", response_class=EventStream)
async def all_events(services: Context, request: Request, last_event_id: LastId = None) -> Response:
    """Stream what happens to all jobs, from `Last-Event-ID` on or from now on."""
    return await _stream(services, request, None, None, last_event_id)


@router.get("/runs/{run_id}/events", response_class=EventStream)
async def run_events(
    run_id: RunId, services: Context, request: Request, last_event_id: LastId = None
) -> Response:
    """Stream what happens to one run and its job; ends with the run."""
    run = await services.backend.engine.run(run_id)
    return await _stream(services, request, run.job_id, run_id, last_event_id)


async def _stream(
    services: Services, request: Request, job_id: str | None, run_id: str | None, last: str | None
) -> Response:
    place = None if last is None else Place.parse(last)
    headers = {"x-accel-buffering": "no"}
    events = _events(services, job_id, run_id, place, request.scope)
    hello = await anext(events)  # listening before the head of the answer goes out: nothing is missed
    return EventStream(led_by(hello, events), headers=headers)


async def _events(
    services: Services,
    job_id: str | None,
    run_id: str | None,
    place: Place | None,
    scope: Scope,
) -> AsyncGenerator[bytes, None]:
    """Yield the stream's text. A peer that stops reading is ended by its queue, see `Subscriber`."""
    make = partial(_room, services)
    async with services.hub.listening(job_id, EventRoom, make) as (topic, room, subscriber):
        services.opened(subscriber, scope)
        watcher = _watch(services, run_id, subscriber)
        try:
            # Whoever loses the connection before the first event can come back to here.
            yield b": connected\n\n" if place else f": connected\nid: {topic.cursor}\n\n".encode()
            missed = () if place is None else await room.missed(topic, place, subscriber)
            for part in parts_of(missed):
                yield part
            write = scope.get("extensions", {}).get(DIRECT)
            if write is not None:
                subscriber.outlet = Outlet(write, SSE)
            async for part in taken(subscriber, lambda: topic.cursor):
                yield part
        finally:
            services.closed(subscriber)
            if watcher is not None:
                watcher.cancel()


class EventSocket:
    """The same events over a WebSocket; `?last_event_id=` resumes."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side, or the run, ends it."""
        services: Services = scope["app"].state.services
        run_id = scope["path_params"].get("run_id")
        last = QueryParams(scope["query_string"]).get("last_event_id")
        try:
            run = await services.backend.engine.run(run_id) if run_id else None
            place = None if last is None else Place.parse(last)
        except (RunNotFound, UsageError, EngineError):
            await receive()
            await send({"type": "websocket.close", "code": 1008, "reason": "no such run or place"})
            return
        job_id = run.job_id if run else None
        make = partial(_room, services)
        async with services.hub.listening(job_id, EventRoom, make) as (topic, room, subscriber):
            watcher = _watch(services, run_id, subscriber)
            try:
                hello = [connected(str(topic.cursor))]
                first = hello if place is None else await room.missed(topic, place, subscriber)
                await speak(scope, receive, send, subscriber, first, services, with_places=True)
            finally:
                if watcher is not None:
                    watcher.cancel()


def _room(services: Services, topic: Topic) -> EventRoom:
    return EventRoom(services.state, topic)


def _watch(services: Services, run_id: str | None, subscriber: Subscriber) -> asyncio.Task[None] | None:
    return None if run_id is None else asyncio.create_task(_tell_run(services, run_id, subscriber))


async def _tell_run(services: Services, run_id: str, subscriber: Subscriber) -> None:
    """Tell every new state of the run; end the stream with it."""
    told = None
    while subscriber.ending is None:
        try:
            run = await services.runs.get(run_id)
        except RunNotFound:
            subscriber.end(Ending.GONE)
            return
        except EngineError:
            run = None  # it will be back; the job's own events go on meanwhile
        if run is not None and run.state is not told:
            told = run.state
            data = {"run_id": run_id, "state": run.state.value, "message": run.message, "job_id": run.job_id}
            subscriber.offer(Message(text=orjson.dumps(data).decode(), event="run"))
        if told in RUN_OVER:
            await asyncio.sleep(RUN_POLL_S)  # the job's last words may be on their way
            subscriber.end(Ending.GONE)
            return
        await asyncio.sleep(RUN_POLL_S)


SOCKETS = (
    WebSocketRoute(f"{GENERIC}/ws/events", EventSocket()),
    WebSocketRoute(f"{GENERIC}/ws/runs/{{run_id}}/events", EventSocket()),
)

"""The client's WebSockets: `/ws/overview` and `/ws/jobs/{id}` (contract, section 3)."""

from __future__ import annotations

from functools import partial

from starlette.routing import WebSocketRoute
from starlette.types import Receive, Scope, Send

from vidra.api.client.job_room import JobRoom
from vidra.api.client.overview_room import OverviewRoom
from vidra.api.client.telling import envelope
from vidra.api.services import Services
from vidra.api.streams.audience import Audience
from vidra.api.streams.sending import speak
from vidra.api.streams.topic import Topic
from vidra.errors import JobNotFound, UsageError


class OverviewSocket:
    """Updates of all jobs."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side ends it."""
        services: Services = scope["app"].state.services
        make = partial(_overview, services)
        async with services.hub.listening(None, OverviewRoom, make) as (_, room, subscriber):
            await speak(scope, receive, send, subscriber, room.welcome(), services)


class JobSocket:
    """Everything about one job. An unknown id is accepted, told so, and closed."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection until either side ends it."""
        services: Services = scope["app"].state.services
        job_id = scope["path_params"]["job_id"]
        make = partial(_job, services, job_id)
        try:
            services.state.jobs.get(job_id)
            async with services.hub.listening(job_id, JobRoom, make) as (_, room, subscriber):
                await speak(scope, receive, send, subscriber, room.welcome(), services)
        except (JobNotFound, UsageError):
            unknown = envelope("error", {"message": "job not found", "job_id": job_id})
            await receive()
            await send({"type": "websocket.accept"})
            await send({"type": "websocket.send", "text": unknown.text})
            await send({"type": "websocket.close", "code": 1000})


def _overview(services: Services, topic: Topic) -> OverviewRoom:
    return OverviewRoom(services.state, services.backend.clock, Audience(topic.pump), services.view)


def _job(services: Services, job_id: str, topic: Topic) -> JobRoom:
    return JobRoom(services.state, services.backend.clock, Audience(topic.pump), job_id)


ROUTES = (
    WebSocketRoute("/ws/overview", OverviewSocket()),
    WebSocketRoute("/ws/jobs/{job_id}", JobSocket()),
)

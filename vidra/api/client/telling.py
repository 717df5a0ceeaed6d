"""What the rooms of the client's WebSockets share: the envelope, the audience, the clock, the pace."""

from __future__ import annotations

from collections.abc import Hashable, Mapping
from typing import Any, Final

import orjson

from vidra.api.client.reasons import DELETED
from vidra.api.streams.audience import Audience
from vidra.api.streams.message import Message
from vidra.clock import Clock, iso
from vidra.state import State
from vidra.state.interface import Job

FLUSH_S: Final = 0.25
"""Seconds between two tellings of a job's figures: clients are promised at most four a second."""


def envelope(event: str, payload: Mapping[str, Any], key: Hashable | None = None) -> Message:
    """Return a message of the contract: `{"event", "payload"}`."""
    return Message(text=orjson.dumps({"event": event, "payload": payload}).decode(), key=key, event=event)


class RoomBase:
    """What both rooms share: who is in them, the clock and the state they read."""

    def __init__(self, state: State, clock: Clock, audience: Audience) -> None:
        self.audience = audience
        self._state, self._clock = state, clock

    def tell(self, event: str, payload: Mapping[str, Any], key: Hashable | None = None) -> None:
        """Send one event to everybody in the room."""
        self.audience.tell(envelope(event, payload, key))

    def now(self) -> str:
        """Return the time as the contract writes it."""
        return iso(self._clock.now())


def removal(job: Job, timestamp: str) -> dict[str, Any]:
    """Return the payload of the `update` that says a job is gone."""
    return {
        "job_id": job.job_id,
        "status": DELETED,
        "previous_status": job.status.value,
        "reason": DELETED,
        "timestamp": timestamp,
    }

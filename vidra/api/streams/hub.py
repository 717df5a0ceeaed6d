"""Follows the state's change feeds, once for each topic, and hands what they tell to the topic's rooms."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import OrderedDict
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Final, TypeVar
from weakref import WeakValueDictionary

from vidra.api.streams.message import Ending
from vidra.api.streams.pump import Pump
from vidra.api.streams.subscriber import Subscriber
from vidra.api.streams.topic import Anteroom, Room, Topic
from vidra.redaction import redact
from vidra.state import State

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
"""Seconds between two looks at the feeds; one without news is a `stat` for each file."""
RESTING: Final = 16
"""Topics that are kept, unmoved, when their last listener has left: many a listener comes back at once."""
REST_S: Final = 60.0
"""Seconds they are kept: after a long rest, catching up takes longer than beginning anew."""

AnyRoom = TypeVar("AnyRoom", bound=Room)


class Hub:
    """All topics that somebody listens to, and the one task that keeps them moving. One event loop."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._topics: dict[str | None, Topic] = {}
        self._resting: OrderedDict[str | None, tuple[Topic, float]] = OrderedDict()
        self._doors: WeakValueDictionary[str | None, asyncio.Lock] = WeakValueDictionary()
        self._nudge = asyncio.Event()
        self._pump = Pump()

    @asynccontextmanager
    async def listening(
        self, job_id: str | None, kind: type[AnyRoom], make: Callable[[Topic], AnyRoom]
    ) -> AsyncIterator[tuple[Topic, AnyRoom, Subscriber]]:
        """Join the room of that kind, made in a thread if nobody is in it yet; leaving it last ends it.

        The topic has been advanced, so the new subscriber hears of what comes from now on. Raises
        `StateError` and what `make` raises.
        """
        subscriber = Subscriber(pump=self._pump)
        try:
            topic, room = await self._entered(job_id, kind, make)
            # Nothing is awaited from here on: nothing can be told between the place and the first message.
            topic.advance()
            room.audience.add(subscriber)
            yield topic, room, subscriber
        finally:
            self._leave(job_id, kind, subscriber)

    def nudge(self) -> None:
        """Look at the feeds now: something was just written by us."""
        self._nudge.set()

    def rooms(self) -> list[Room]:
        """Return every room that somebody is in."""
        rooms = [room for topic in self._topics.values() for room in topic.rooms.values()]
        return [room for room in rooms if len(room.audience)]

    async def run(self) -> None:
        """Keep the topics moving until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            for topic in list(self._topics.values()):
                if self._advance(topic, loop.time()):
                    await asyncio.sleep(0)  # it may have had much to tell: others have a turn
            # Without listeners there is nothing to look at until one comes, who nudges us.
            due = loop.call_later(POLL_S, self._nudge.set) if self._topics else None
            await self._nudge.wait()
            self._nudge.clear()
            if due is not None:
                due.cancel()

    def _advance(self, topic: Topic, now: float) -> bool:
        """Move the topic; return whether there was anything new."""
        news = True
        try:
            news = topic.advance()
            for room in topic.rooms.values():
                room.tick(now)
        except Exception:  # noqa: BLE001 - the edge of a topic: logged, its listeners told to come back, others unharmed
            log.error("changes cannot be followed:\n%s", redact(traceback.format_exc()))  # noqa: TRY400 - redacted first
            for room in topic.rooms.values():
                room.audience.end(Ending.TOO_SLOW)
        return news

    async def _entered(
        self, job_id: str | None, kind: type[AnyRoom], make: Callable[[Topic], AnyRoom]
    ) -> tuple[Topic, AnyRoom]:
        """Return the topic and its room of that kind. Who comes first makes them; others wait at the door."""
        found = self._found(job_id, kind)
        if found is None:
            door = self._doors.setdefault(job_id, asyncio.Lock())
            async with door:
                found = self._found(job_id, kind) or await self._opened(job_id, kind, make)
        return found

    def _found(self, job_id: str | None, kind: type[AnyRoom]) -> tuple[Topic, AnyRoom] | None:
        topic = self._topics.get(job_id)
        room = topic.rooms.get(kind) if topic else None
        return (topic, room) if topic is not None and isinstance(room, kind) else None

    async def _opened(
        self, job_id: str | None, kind: type[AnyRoom], make: Callable[[Topic], AnyRoom]
    ) -> tuple[Topic, AnyRoom]:
        """Make the room, and the topic if it has none: both read files, which others need not wait for."""
        topic = self._topics.get(job_id) or self._rested(job_id)
        if topic is None:
            topic = await asyncio.to_thread(Topic, self._state, job_id, self._pump)
        self._topics[job_id] = topic
        try:
            topic.advance()
            anteroom = topic.rooms[kind] = Anteroom(self._pump)
            room = await asyncio.to_thread(make, topic)
            anteroom.hand_over(room)
            topic.rooms[kind] = room
        except BaseException:
            topic.rooms.pop(kind, None)
            self._put_to_rest(topic)
            raise
        self.nudge()
        return topic, room

    def _rested(self, job_id: str | None) -> Topic | None:
        topic, since = self._resting.pop(job_id, (None, 0.0))
        return topic if time.monotonic() - since < REST_S else None

    def _leave(self, job_id: str | None, kind: type[AnyRoom], subscriber: Subscriber) -> None:
        found = self._found(job_id, kind)
        if found is None:
            return
        topic, room = found
        room.audience.discard(subscriber)
        if not len(room.audience):
            del topic.rooms[kind]
            self._put_to_rest(topic)

    def _put_to_rest(self, topic: Topic) -> None:
        """Keep a topic that nobody follows any more, for a while."""
        if topic.rooms or self._topics.pop(topic.job_id, None) is None or not topic.sound:
            return
        self._resting[topic.job_id] = (topic, time.monotonic())
        while len(self._resting) > RESTING:
            self._resting.popitem(last=False)

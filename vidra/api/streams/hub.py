"""Follows the state's change feeds, once for each topic, and hands what they tell to the topic's rooms."""

from __future__ import annotations

import asyncio
import logging
import time
import traceback
from collections import OrderedDict
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final, Protocol, TypeVar

from vidra.api.streams.message import Ending
from vidra.api.streams.pump import Pump
from vidra.api.streams.recent import RecentChanges, Stretch
from vidra.api.streams.subscriber import Subscriber
from vidra.redaction import redact
from vidra.state import Batch, Cursor, State

log = logging.getLogger(__name__)

POLL_S: Final = 0.05
"""Seconds between two looks at the feeds; one without news is a `stat` for each file."""
RESTING: Final = 16
"""Topics that are kept, unmoved, when their last listener has left: many a listener comes back at once."""
REST_S: Final = 60.0
"""Seconds they are kept: after a long rest, catching up takes longer than beginning anew."""


class Room(Protocol):
    """Turns changes into messages for its subscribers."""

    subscribers: set[Subscriber]

    def take(self, batch: Batch, before: Cursor) -> None:
        """Hear what changed since `before`."""
        ...

    def tick(self, now: float) -> None:
        """Tell what was held back, if it is due; `now` is the loop's time in seconds."""
        ...


AnyRoom = TypeVar("AnyRoom", bound=Room)


class Topic:
    """The changes of one job, or (None) of all jobs, from the moment somebody listens."""

    def __init__(self, state: State, job_id: str | None) -> None:
        self.job_id = job_id
        self._feed = state.feed(job_id)
        self.cursor = self._feed.now()
        self.rooms: dict[type, Room] = {}
        self._recent = RecentChanges()
        self.sound = True
        """Whether it could be moved the last time."""

    def advance(self) -> bool:
        """Hand over what is new; return whether anything was. Raises `StateError`."""
        before, self.sound = self.cursor, False
        batch = self._feed.since(before)
        self.cursor, self.sound = batch.cursor, True
        self._recent.add(before, batch)
        if not batch.changes and not batch.reset:
            return False
        for room in self.rooms.values():
            room.take(batch, before)
        return True

    def since(self, cursor: Cursor) -> Sequence[Stretch] | None:
        """Return what lies between that cursor and ours, from memory; None if memory does not reach back."""
        return () if cursor == self.cursor else self._recent.since(cursor)


class Hub:
    """All topics that somebody listens to, and the one task that keeps them moving. One event loop."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._topics: dict[str | None, Topic] = {}
        self._resting: OrderedDict[str | None, tuple[Topic, float]] = OrderedDict()
        self._nudge = asyncio.Event()
        self._pump = Pump()

    @contextmanager
    def listening(
        self, job_id: str | None, room: type[AnyRoom], make: Callable[[Topic], AnyRoom]
    ) -> Iterator[tuple[Topic, AnyRoom, Subscriber]]:
        """Join the room of that kind, made if nobody is in it yet; leaving it last ends it.

        The topic has been advanced, so the new subscriber hears of what comes from now on. Raises
        `StateError` and what `make` raises.
        """
        topic = self._topics.get(job_id)
        if topic is None:
            topic = self._rested(job_id) or Topic(self._state, job_id)
            self._topics[job_id] = topic
        subscriber = Subscriber(pump=self._pump)
        try:
            topic.advance()
            joined = topic.rooms.get(room)
            if not isinstance(joined, room):
                joined = topic.rooms[room] = make(topic)
            joined.subscribers.add(subscriber)
            yield topic, joined, subscriber
        finally:
            self._leave(topic, room, subscriber)

    def nudge(self) -> None:
        """Look at the feeds now: something was just written by us."""
        self._nudge.set()

    def rooms(self) -> list[Room]:
        """Return every room."""
        return [room for topic in self._topics.values() for room in topic.rooms.values()]

    async def run(self) -> None:
        """Keep the topics moving, and what they tell, until cancelled."""
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(self._pump.run(), name="pump")
            tasks.create_task(self._follow(), name="hub")

    async def _follow(self) -> None:
        loop = asyncio.get_running_loop()
        while True:
            for topic in list(self._topics.values()):
                self._advance(topic, loop.time())
                await asyncio.sleep(0)  # a topic may have had much to tell: others have a turn
            try:
                await asyncio.wait_for(self._nudge.wait(), POLL_S)
            except TimeoutError:
                continue
            self._nudge.clear()

    def _advance(self, topic: Topic, now: float) -> None:
        try:
            topic.advance()
            for room in topic.rooms.values():
                room.tick(now)
        except Exception:  # noqa: BLE001 - the edge of a topic: logged, its listeners told to come back, others unharmed
            log.error("changes cannot be followed:\n%s", redact(traceback.format_exc()))  # noqa: TRY400 - redacted first
            for room in topic.rooms.values():
                for subscriber in room.subscribers:
                    subscriber.end(Ending.TOO_SLOW)

    def _rested(self, job_id: str | None) -> Topic | None:
        topic, since = self._resting.pop(job_id, (None, 0.0))
        return topic if time.monotonic() - since < REST_S else None

    def _leave(self, topic: Topic, room: type, subscriber: Subscriber) -> None:
        joined = topic.rooms.get(room)
        if joined is not None:
            joined.subscribers.discard(subscriber)
            if not joined.subscribers:
                del topic.rooms[room]
        if not topic.rooms and self._topics.get(topic.job_id) is topic:
            del self._topics[topic.job_id]
            if topic.sound:
                self._resting[topic.job_id] = (topic, time.monotonic())
                while len(self._resting) > RESTING:
                    self._resting.popitem(last=False)

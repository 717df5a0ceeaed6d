"""What several rooms follow together: the changes of one job, or of all."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from vidra.api.streams.audience import Audience
from vidra.api.streams.pump import Pump
from vidra.api.streams.recent import RecentChanges, Stretch
from vidra.state import Batch, Cursor, State


class Room(Protocol):
    """Turns changes into messages for its audience."""

    audience: Audience

    def take(self, batch: Batch, before: Cursor) -> None:
        """Hear what changed since `before`."""
        ...

    def tick(self, now: float) -> None:
        """Tell what was held back, if it is due; `now` is the loop's time in seconds."""
        ...


class Anteroom:
    """Stands for a room that is being made, and keeps what is told meanwhile."""

    def __init__(self, pump: Pump) -> None:
        self.audience = Audience(pump)
        self._heard: list[tuple[Batch, Cursor]] = []

    def take(self, batch: Batch, before: Cursor) -> None:
        """Keep it."""
        self._heard.append((batch, before))

    def tick(self, now: float) -> None:
        """Have nothing to tell."""

    def hand_over(self, room: Room) -> None:
        """Tell the room. It may have read some of it already: records are whole, so that does no harm."""
        for batch, before in self._heard:
            room.take(batch, before)


class Topic:
    """The changes of one job, or (None) of all jobs, from now on. Making one reads the whole journals."""

    def __init__(self, state: State, job_id: str | None, pump: Pump) -> None:
        self.job_id, self.pump = job_id, pump
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

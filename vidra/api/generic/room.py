"""The generic face's room: every change as one event, resumable to the single change."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Final

import orjson

from vidra.api.streams.audience import Audience
from vidra.api.streams.message import Message
from vidra.api.streams.place import Place
from vidra.api.streams.recent import Stretch
from vidra.api.streams.subscriber import Subscriber
from vidra.api.streams.topic import Topic
from vidra.state import Batch, Change, ChangeKind, Cursor, State
from vidra.state.interface import Job, Record

FLUSH_S: Final = 0.25
"""Seconds between two tellings of the figures of one job: four a second at most."""
MOST_MISSED: Final = 10_000
"""Changes that are told again to a listener who was away; beyond them it gets a snapshot."""
RESET: Final = "reset"
_FIGURES: Final = frozenset({ChangeKind.PROGRESS, ChangeKind.ENTRY_PROGRESS})


class EventRoom:
    """Tells changes of one job or of all; figures coalesced, everything else exactly once."""

    def __init__(self, state: State, topic: Topic) -> None:
        self.audience = Audience(topic.pump)
        self._state, self._job_id = state, topic.job_id
        self._held: dict[tuple[str, int | None], Message] = {}
        self._flushed = 0.0

    def take(self, batch: Batch, before: Cursor) -> None:
        """Tell what changed; figures wait for the next tick."""
        for message in self.messages(batch, Place(cursor=before)):
            if message.key is None:
                self._tell(message)
            else:
                self._held[message.key] = message  # type: ignore[index]  # keys of figures are such pairs

    def tick(self, now: float) -> None:
        """Tell the latest figures, if it is time."""
        if self._held and now - self._flushed >= FLUSH_S:
            self._flushed = now
            held, self._held = self._held, {}
            for message in held.values():
                self._tell(message)

    async def missed(self, topic: Topic, place: Place, subscriber: Subscriber) -> Sequence[Message]:
        """Return what happened between the place and now; the subscriber hears of what comes after that."""
        stretches = topic.since(place.cursor)
        if stretches is None:
            stretches = await self._read(topic, place.cursor)
        subscriber.forget()
        if stretches is None:
            return [self.snapshot(topic.cursor)]
        return [_message(change, behind) for change, behind in place.through(stretches)]

    async def _read(self, topic: Topic, cursor: Cursor) -> Sequence[Stretch] | None:
        """Return the same from the journals; None if they do not reach back, or it is too much."""
        feed = self._state.feed(self._job_id)
        batch = await asyncio.to_thread(feed.since, cursor)  # may be megabytes: others are served meanwhile
        stretches: list[Stretch] = [(cursor, batch.changes)]
        while batch.cursor != topic.cursor and not batch.reset:
            topic.advance()
            stretch = batch.cursor
            batch = feed.since(stretch)
            stretches.append((stretch, batch.changes))
        known = sum(len(changes) for _, changes in stretches)
        return None if batch.reset or known > MOST_MISSED else stretches

    def messages(self, batch: Batch, place: Place) -> Sequence[Message]:
        """Return the events of a batch that lies behind the place."""
        if batch.reset:
            return [self.snapshot(batch.cursor)]
        return [_message(change, behind) for change, behind in place.numbered(batch.changes)]

    def snapshot(self, cursor: Cursor) -> Message:
        """Return where everything stands: the event for those whose place is not kept any more."""
        jobs = self._state.jobs.list()
        shown = [_brief(job) for job in jobs if self._job_id in {None, job.job_id}]
        data = {"reason": "the history does not reach back to that place", "jobs": shown}
        return Message(text=orjson.dumps(data).decode(), event=RESET, place=str(cursor))

    def _tell(self, message: Message) -> None:
        # What was held back is older than this: it goes first, so that a job's order is kept.
        if message.key is None and self._held:
            held, self._held = self._held, {}
            for earlier in held.values():
                self.audience.tell(earlier)
        self.audience.tell(message)


def _message(change: Change, behind: Place) -> Message:
    figures = change.kind in _FIGURES
    data: dict[str, Any] = {"kind": change.kind.value, "job_id": change.job_id, "index": change.index}
    for name in ("job", "progress", "entry", "line"):
        record: Record | None = getattr(change, name)
        data[name] = None if record is None else record.model_dump(mode="json", exclude_none=True)
    told = {name: value for name, value in data.items() if value is not None}
    return Message(
        text=orjson.dumps(told).decode(),
        event=change.kind.value,
        key=(change.job_id, change.index) if figures else None,
        place=None if figures else str(behind),
    )


def _brief(job: Job) -> dict[str, Any]:
    fields = {
        "job_id",
        "status",
        "kind",
        "created_at",
        "finished_at",
        "error",
        "total_items",
        "selection_required",
    }
    return job.model_dump(mode="json", include=fields, exclude_none=True)

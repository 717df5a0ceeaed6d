"""What is known about back ends, in `health.json`: how they stand, what happened, how they answered.

All of it is bounded: events in one ring, answers in a ring for each back end. An event's number is its
place: whoever has heard of event 17 asks for what came after 17.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from pydantic import Field

from vidra.clock import SYSTEM_CLOCK, Clock

from .frame import Operation
from .interface import Record
from .journal import Journal
from .records import AnyRecord, from_document, to_document
from .replica import Replica
from .schema import Schema

EVENTS_KEPT: Final = 1000
SAMPLES_KEPT: Final = 120
"""Answers kept of each back end: an hour at the shipped interval of 30 s."""
_FLOOR: Final = 256 * 1024
_STANDINGS, _EVENTS, _SAMPLES, _TOLD = (
    "backend_standings",
    "backend_events",
    "backend_samples",
    "backend_told",
)
_SCHEMAS: Final = {table: Schema() for table in (_STANDINGS, _EVENTS, _SAMPLES, _TOLD)}


class Standing(Record):
    """How a back end stood at a moment."""

    name: str
    at: str
    facts: Mapping[str, Any]
    """What the supervisor said of it, in JSON types."""


class BackendHappening(Record):
    """Something that happened to a back end: `event` is `backend-status` or `backend-notice`."""

    number: int = 0
    """Its place in the ring's history, from 1; given when it is stored."""
    name: str
    event: str
    at: str
    facts: Mapping[str, Any]


class Sample(Record):
    """One answer of a back end to a probe, or that it was not asked."""

    name: str
    at: str
    state: str
    answer: str | None = None
    latency: float | None = None
    detail: str = ""


class Told(Record):
    """Up to which event people and Prefect were told, and when they were last told of what."""

    number: int = 0
    last: Mapping[str, float] = Field(default_factory=dict)
    """Epoch seconds by `<back end> <kind>`."""
    states: Mapping[str, str] = Field(default_factory=dict)
    """What the latest health table showed, by back end."""


@dataclass(frozen=True, kw_only=True, slots=True)
class News:
    """Events in order. `reset`: some before them are not kept any more, so read how everything stands."""

    events: Sequence[BackendHappening]
    latest: int
    reset: bool = False


class BackendHealth:
    """The records about back ends. Safe between threads and processes; close it when done."""

    def __init__(self, path: Path, *, clock: Clock = SYSTEM_CLOCK, lock_timeout: float = 10.0) -> None:
        self._path = path
        # Damage is logged and what is left is used: all of this can be had again from the back ends.
        self._journal = Journal(
            path, clock=clock, lock_timeout=lock_timeout, compact_floor=_FLOOR, schemas=_SCHEMAS, repair=True
        )

    def record(self, happenings: Iterable[BackendHappening], standings: Iterable[Standing]) -> None:
        """Store what happened and how things stand since, in one durable transaction."""
        news, now = list(happenings), {standing.name: standing for standing in standings}

        def decide(replica: Replica) -> Iterator[Operation]:
            yield from _standings(replica, now)
            first = replica.next_id(_EVENTS)
            for number, happening in enumerate(news, first):
                document = to_document(happening.model_copy(update={"number": number}))
                yield _EVENTS, number, document
            kept = [*replica.tables.get(_EVENTS, {}), *range(first, first + len(news))]
            yield from ((_EVENTS, number, None) for number in kept[: max(0, len(kept) - EVENTS_KEPT)])

        self._journal.change(lambda replica: list(decide(replica)))

    def sample(self, samples: Iterable[Sample]) -> None:
        """Store one round of answers, in one transaction; not fsynced: the next round comes soon."""
        fresh = list(samples)

        def decide(replica: Replica) -> Iterator[Operation]:
            first = replica.next_id(_SAMPLES)
            for number, one in enumerate(fresh, first):
                yield _SAMPLES, number, to_document(one)
            coming = Counter(one.name for one in fresh)
            kept: defaultdict[str, list[int]] = defaultdict(list)
            for number, document in replica.tables.get(_SAMPLES, {}).items():
                kept[document["name"]].append(number)
            for name, numbers in kept.items():
                over = len(numbers) + coming[name] - SAMPLES_KEPT
                yield from ((_SAMPLES, number, None) for number in numbers[: max(0, over)])

        self._journal.change(lambda replica: list(decide(replica)), durable=False)

    def forget_others(self, names: Iterable[str]) -> None:
        """Forget how back ends stand that are not declared any more; what happened stays in the ring."""
        known = set(names)

        def decide(replica: Replica) -> list[Operation]:
            return [
                (table, number, None)
                for table in (_STANDINGS, _SAMPLES)
                for number, document in replica.tables.get(table, {}).items()
                if document["name"] not in known
            ]

        self._journal.change(decide)

    def standings(self) -> Sequence[Standing]:
        """Return how each back end stood last, by name."""
        return sorted(self._all(_STANDINGS, Standing), key=lambda standing: standing.name)

    def samples(self, name: str) -> Sequence[Sample]:
        """Return the answers of a back end, oldest first."""
        return [sample for sample in self._all(_SAMPLES, Sample) if sample.name == name]

    def latest(self) -> int:
        """Return the number of the latest event; 0 when nothing has happened yet."""
        with self._journal.reading() as replica:
            return max(replica.tables.get(_EVENTS, {}), default=0)

    def since(self, number: int) -> News:
        """Return the events after that number; cheap when there are none."""
        with self._journal.reading() as replica:
            table = replica.tables.get(_EVENTS, {})
            latest, oldest = max(table, default=0), min(table, default=1)
            found = [dict(table[one]) for one in sorted(one for one in table if one > number)]
        events = [from_document(BackendHappening, document, self._path) for document in found]
        return News(events=events, latest=latest, reset=number > latest or number < oldest - 1)

    def told(self) -> Told:
        """Return up to where people were told."""
        return next(iter(self._all(_TOLD, Told)), Told())

    def tell(self, told: Told) -> None:
        """Remember up to where people were told."""
        self._journal.change(lambda _: [(_TOLD, 1, to_document(told))])

    def close(self) -> None:
        """Bring the plain file up to date and let go of it."""
        self._journal.close()

    def _all(self, table: str, kind: type[AnyRecord]) -> list[AnyRecord]:
        with self._journal.reading() as replica:
            documents = [dict(document) for _, document in sorted(replica.tables.get(table, {}).items())]
        return [from_document(kind, document, self._path) for document in documents]


def _standings(replica: Replica, now: Mapping[str, Standing]) -> Iterator[Operation]:
    table = replica.tables.get(_STANDINGS, {})
    ids = {document["name"]: number for number, document in table.items()}
    free = replica.next_id(_STANDINGS)
    for name, standing in now.items():
        if name not in ids:
            ids[name], free = free, free + 1
        yield _STANDINGS, ids[name], to_document(standing)

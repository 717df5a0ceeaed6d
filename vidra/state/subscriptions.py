"""What is remembered of subscriptions: how their runs went, what failed, what their rules left out."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum, unique
from pathlib import Path
from typing import Any, Final, Self

from vidra.clock import SYSTEM_CLOCK, Clock

from .interface import Record
from .keyed import KeyedStore, Put, Tables, open_keyed

SUBSCRIPTIONS_FILE: Final = "subscriptions.json"
RUNS_KEPT: Final = 50
_STANDING, _SETBACKS, _LEFT_OUT, _PLANS = "standings", "setbacks", "left_out", "plans"


@unique
class RunResult(StrEnum):
    """How a run went for one subscription."""

    OK = "ok"
    PARTIAL = "partial"
    """Some of its items failed."""
    FAILED = "failed"
    REFUSED = "refused"
    """By the guard: it would have fetched everything again."""
    PUT_OFF = "put_off"
    """Its site wants to be left alone."""
    INTERRUPTED = "interrupted"
    SKIPPED = "skipped"
    """It is paused, or somebody else works on it; never kept."""


class RunNote(Record):
    """One run of one subscription. Times are `vidra.clock.iso`."""

    started_at: str
    finished_at: str
    result: RunResult
    message: str | None = None
    listed: int = 0
    planned: int = 0
    downloaded: int = 0
    failed: int = 0
    job_id: str | None = None
    flow_run_id: str | None = None


class Standing(Record):
    """Where one subscription stands."""

    name: str
    paused: bool = False
    """By a person; scheduled runs do nothing until it is resumed."""
    held: int = 0
    """Items of its lists that the archive had after the latest run that went through."""
    runs: tuple[RunNote, ...] = ()
    """The latest last."""

    @property
    def last_run(self) -> RunNote | None:
        """The latest run."""
        return self.runs[-1] if self.runs else None


class Setback(Record):
    """An item that failed; it is left alone for a while, longer each time."""

    subscription: str
    item: str
    count: int
    error: str
    again_at: str


class LeftOut(Record):
    """An item that a rule refused once its page was read; it is not read again under the same rules."""

    subscription: str
    item: str
    reason: str
    rules: str
    """Digest of the rules that said so."""


class SubscriptionBook:
    """All of it, by subscription. Safe between threads and between processes; durable."""

    def __init__(self, store: KeyedStore) -> None:
        self._store = store

    def standing(self, name: str) -> Standing:
        """Return where the subscription stands; one that never ran stands at its beginning."""
        found = self._store.get(_STANDING, name)
        return Standing(name=name) if found is None else _standing(found)

    def note(self, name: str, run: RunNote, *, held: int | None = None) -> None:
        """Add a run to the history; `held` is what the archive has of the lists, None if that is unknown."""

        def decide(tables: Tables) -> Sequence[Put]:
            before = self._before(tables, name)
            after = before.model_copy(
                update={
                    "runs": (*before.runs, run)[-RUNS_KEPT:],
                    "held": before.held if held is None else held,
                }
            )
            return [(_STANDING, name, _document(after))]

        self._store.transact(decide)

    def pause(self, name: str, *, paused: bool) -> bool:
        """Have scheduled runs do nothing, or something again; return whether that is news."""
        changed: list[Put] = []

        def decide(tables: Tables) -> Sequence[Put]:
            changed.clear()
            before = self._before(tables, name)
            if before.paused is not paused:
                changed.append((_STANDING, name, _document(before.model_copy(update={"paused": paused}))))
            return changed

        self._store.transact(decide)
        return bool(changed)

    def setbacks(self, name: str) -> Mapping[str, Setback]:
        """Return the subscription's items that failed lately, by key."""
        found = (one for one in self._store.all(_SETBACKS) if one["subscription"] == name)
        return {one["item"]: Setback.model_validate(_plain(one)) for one in found}

    def left_out(self, name: str, *, rules: str) -> Mapping[str, str]:
        """Return why rules of this digest left items out, by key."""
        found = (one for one in self._store.all(_LEFT_OUT) if one["subscription"] == name)
        return {one["item"]: one["reason"] for one in found if one["rules"] == rules}

    def set_back(self, setback: Setback) -> None:
        """Record that an item failed."""
        self._store.put([(_SETBACKS, f"{setback.subscription} {setback.item}", _document(setback))])

    def leave_out(self, one: LeftOut) -> None:
        """Record that the rules refuse an item."""
        self._store.put([(_LEFT_OUT, f"{one.subscription} {one.item}", _document(one))])

    def recovered(self, name: str, items: Iterable[str]) -> None:
        """Forget the setbacks of items that arrived."""
        known = self.setbacks(name)
        gone: list[Put] = [(_SETBACKS, f"{name} {item}", None) for item in items if item in known]
        if gone:
            self._store.put(gone)

    def keep_plan(self, flow_run_id: str, plan: Mapping[str, Any]) -> None:
        """Keep the plan of a dry run for whoever asked for it; the one before of that subscription goes."""
        name = str(plan.get("subscription"))

        def decide(tables: Tables) -> Sequence[Put]:
            old: list[Put] = [
                (_PLANS, one["key"], None) for one in tables.all(_PLANS) if one.get("subscription") == name
            ]
            return [*old, (_PLANS, f"{flow_run_id} {name}", plan)]

        self._store.transact(decide, durable=False)

    def plan(self, flow_run_id: str, name: str) -> Mapping[str, Any] | None:
        """Return the plan that this run kept for this subscription."""
        found = self._store.get(_PLANS, f"{flow_run_id} {name}")
        return None if found is None else _plain(found)

    def forget(self, name: str) -> None:
        """Forget the subscription: its history, its setbacks, what its rules left out."""

        def decide(tables: Tables) -> Sequence[Put]:
            puts: list[Put] = [(_STANDING, name, None)]
            for table in (_SETBACKS, _LEFT_OUT, _PLANS):
                puts += [
                    (table, one["key"], None) for one in tables.all(table) if one["subscription"] == name
                ]
            return puts

        self._store.transact(decide)

    def known(self) -> Sequence[str]:
        """Return the names of all subscriptions that anything is remembered of."""
        return [str(document["name"]) for document in self._store.all(_STANDING)]

    def close(self) -> None:
        """Let go of the file."""
        self._store.close()

    def __enter__(self) -> Self:
        """Return self."""
        return self

    def __exit__(self, *_: object) -> None:
        """Close."""
        self.close()

    def _before(self, tables: Tables, name: str) -> Standing:
        found = tables.get(_STANDING, name)
        return Standing(name=name) if found is None else _standing(found)


def open_book(data_dir: Path, *, lock_timeout: float = 10.0, clock: Clock = SYSTEM_CLOCK) -> SubscriptionBook:
    """Open the book of a data folder; the caller closes it."""
    path = data_dir / SUBSCRIPTIONS_FILE
    return SubscriptionBook(open_keyed(path, clock=clock, lock_timeout=lock_timeout))


def _standing(document: Mapping[str, Any]) -> Standing:
    return Standing.model_validate(_plain(document))


def _plain(document: Mapping[str, Any]) -> dict[str, Any]:
    """Return the document without the store's own field."""
    return {name: value for name, value in document.items() if name != "key"}


def _document(record: Record) -> Mapping[str, Any]:
    return record.model_dump(mode="json")

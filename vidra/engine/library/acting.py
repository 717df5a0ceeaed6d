"""What a person does to an item: kept here at once, and queued for its server."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from vidra.clock import Clock
from vidra.engine.library.collecting import rare_collections
from vidra.errors import UsageError
from vidra.library.pages import label
from vidra.library.records import ITEMS, with_watch
from vidra.library.rows import Shown
from vidra.library.watching import CHANGES, ChangeState, WatchChange, change_key, folded_in, seen_here
from vidra.state.keyed import KeyedStore, Put, Tables

_HOLDERS: Final = frozenset({"show", "season"})
_WATCHED: Final = frozenset({"movie", "episode", "video", "track", *_HOLDERS})


def mark(shown: Shown, *, watched: bool, clock: Clock) -> WatchChange:
    """Return the change that marks an item; a show or season with all that is below it.

    Raises `UsageError` for what cannot be watched.
    """
    if shown.record["kind"] not in _WATCHED:
        raise UsageError(f"a {shown.record['kind']} is not watched: mark the items in it")
    return _change(shown, watched=watched, watched_at=_now(clock))


def report(shown: Shown, position_ms: int, *, at: int | None = None, clock: Clock) -> WatchChange:
    """Return the change that says how far an item was played, now or at an earlier instant."""
    moment = _now(clock) if at is None else min(at, _now(clock))
    length = int(shown.record.get("duration_ms", 0))
    return _change(shown, position_ms=position_ms, position_at=moment, duration_ms=length)


def rate(shown: Shown, rating: float, *, clock: Clock) -> WatchChange:
    """Return the change that rates an item, 0 to 10."""
    return _change(shown, rating=rating, rated_at=_now(clock))


def pending_items(queue: KeyedStore, shelf: KeyedStore, source: str) -> set[str]:
    """Return the keys of the source's items whose watch state is still on its way to the server."""
    changed = {change.item: change for change in queued(queue, source)}
    wide = {key for key, change in changed.items() if change.watched is not None}
    with rare_collections():  # the first look at the shelf may read all of it
        below = [record["key"] for key in wide for record in _below(shelf, shelf.get(ITEMS, key))]
    return {*changed, *below}


def record_changes(queue: KeyedStore, shelf: KeyedStore, changes: Sequence[WatchChange]) -> None:
    """Queue the changes, durably, then show them in the library of their source.

    A crash in between is mended by the next sync, which finds them in the queue.
    """

    def folding(tables: Tables) -> Iterable[Put]:
        for change in changes:
            before = stored_change(tables, change.key)
            yield CHANGES, change.key, folded_in(before, change).model_dump(mode="json")

    def showing(tables: Tables) -> Iterable[Put]:
        for change in changes:
            record = tables.get(ITEMS, change.item)
            if record is None:
                continue
            yield ITEMS, change.item, _shown(record, folded_in(None, change))
            if change.watched is not None:
                only_mark = folded_in(None, change).model_copy(update={"rating": None})
                for one in _below(tables, record):
                    if bool(one.get("watched")) != change.watched:
                        yield ITEMS, one["key"], _shown(one, only_mark)

    queue.transact(lambda tables: list(folding(tables)))
    shelf.transact(lambda tables: list(showing(tables)))


def stored_change(tables: Tables, key: str) -> WatchChange | None:
    """Return a queued change."""
    found = tables.get(CHANGES, key)
    return None if found is None else WatchChange.model_validate(found)


def queued(queue: KeyedStore, source: str | None = None) -> Sequence[WatchChange]:
    """Return the queued changes, oldest first."""
    found = [WatchChange.model_validate(document) for document in queue.all(CHANGES)]
    return [change for change in found if source in {None, change.source}]


def retarget(queue: KeyedStore, source: str, moves: Sequence[tuple[str, str]]) -> None:
    """Let queued changes follow items that got another id."""
    follow = dict(moves)

    def decide(tables: Tables) -> Iterable[Put]:
        for old, new in follow.items():
            change = stored_change(tables, change_key(source, old))
            if change is None:
                continue
            key = change_key(source, new)
            moved = change.model_copy(update={"key": key, "item": new, "state": ChangeState.PENDING})
            merged = folded_in(stored_change(tables, key), moved)
            yield CHANGES, change.key, None
            yield CHANGES, key, merged.model_dump(mode="json")

    queue.transact(lambda tables: list(decide(tables)))


def drop(queue: KeyedStore, keys: Iterable[str]) -> None:
    """Forget queued changes."""
    queue.put([(CHANGES, key, None) for key in keys])


def _below(tables: Tables, record: Mapping[str, Any] | None) -> Iterable[Mapping[str, Any]]:
    """Yield the seasons and episodes of a show or season."""
    if record is None or record["kind"] not in _HOLDERS:
        return
    for one in tables.all(ITEMS):
        if record["id"] in {one.get("show"), one.get("parent")} and one["section"] == record["section"]:
            yield one


def _change(shown: Shown, **fields: object) -> WatchChange:
    item = shown.record["key"]
    known = {"source": shown.source, "item": item, "title": label(shown.record)}
    return WatchChange.model_validate({"key": change_key(shown.source, item), **known, **fields})


def _shown(record: Mapping[str, Any], change: WatchChange) -> Mapping[str, Any]:
    fields = dict(with_watch(record, seen_here(record, change)))
    if change.rating is not None:
        fields |= {"user_rating": change.rating, "rated_here": True}
    return fields


def _now(clock: Clock) -> int:
    return int(clock.now().timestamp())

"""One pass over the items of one section and kind: what has to be stored, page by page, and at its end."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from vidra.library.guard import DeletionRules, Judgement
from vidra.library.identity import moved
from vidra.library.records import (
    ItemRecord,
    has_watch_state,
    is_live,
    merged,
    newest_stamp,
    replaced,
    watch_fields,
    with_watch,
)

Change = tuple[str, ItemRecord | None]
"""Key, and the new record or None for a removal."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Difference:
    """How a pass changed what is known."""

    added: int = 0
    changed: int = 0
    buried: int = 0
    removed: int = 0
    moved: int = 0

    def __add__(self, other: Difference) -> Difference:
        """Return both together."""
        return Difference(
            added=self.added + other.added,
            changed=self.changed + other.changed,
            buried=self.buried + other.buried,
            removed=self.removed + other.removed,
            moved=self.moved + other.moved,
        )

    def __bool__(self) -> bool:
        """Whether anything differs."""
        return bool(self.added or self.changed or self.buried or self.removed or self.moved)


@dataclass(frozen=True, kw_only=True, slots=True)
class Ending:
    """What the end of a pass asks for."""

    changes: tuple[Change, ...] = ()
    moves: tuple[tuple[str, str], ...] = ()
    """Old and new key of items that got another id; what is queued for the old one goes to the new."""
    warning: str | None = None


class Listing:
    """Takes the pages of one listing; `stored` are the known records of that section and kind by key.

    `pending` are keys whose watch state is still on its way to the server. A listing of everything
    (`full`) is evidence of absence; one of changes is not.
    """

    def __init__(
        self,
        stored: Mapping[str, ItemRecord],
        *,
        full: bool,
        rules: DeletionRules,
        pending: Collection[str] = frozenset(),
        now: int,
    ) -> None:
        self._stored, self._full, self._rules, self._pending, self._now = stored, full, rules, pending, now
        self._seen: set[str] = set()
        self._new: dict[str, ItemRecord] = {}
        self._added = self._changed = 0
        self._moves: tuple[tuple[str, str], ...] = ()
        self._buried: list[Change] = []
        self.newest = 0
        """The latest instant by the server's clock among what was listed."""

    @property
    def seen(self) -> int:
        """How many items were listed."""
        return len(self._seen)

    @property
    def live(self) -> int:
        """How many items are there, as far as this pass knows."""
        return (
            sum(is_live(record) for key, record in self._stored.items() if key not in self._seen) + self.seen
        )

    def take(self, page: Iterable[ItemRecord]) -> list[Change]:
        """Return what a page changes; nothing for what is stored already."""
        changes: list[Change] = []
        records = list(page)
        self.newest = max(self.newest, newest_stamp(records))
        for new in records:
            key = new["key"]
            self._seen.add(key)
            old = self._stored.get(key)
            result = merged(old, new, keep_watch=key in self._pending)
            if old is None and self._stored:  # a first listing holds nothing that could have moved
                self._new[key] = result
            if old is None or old != result:
                self._added += old is None
                self._changed += old is not None
                changes.append((key, result))
        return changes

    def finish(self, *, complete: bool) -> Ending:
        """Return what follows from what was not listed; `complete` if the listing reached its end."""
        if not self._full:
            return Ending()
        missing = {key: record for key, record in self._stored.items() if key not in self._seen}
        pairs = moved(missing.values(), self._new.values()) if complete else []
        changes: list[Change] = []
        for old, new in pairs:
            key = old["key"]
            del missing[key]
            changes.append((key, None))
            if has_watch_state(old) and not has_watch_state(new):
                carried = watch_fields(old) | {"carried": True}
                changes.append((new["key"], with_watch(new, carried)))
        known = sum(map(is_live, self._stored.values())) - len(pairs)
        self._moves = tuple((old["key"], new["key"]) for old, new in pairs)
        self._buried, warning = self._bury(missing, known, complete=complete)
        return Ending(changes=(*changes, *self._buried), moves=self._moves, warning=warning)

    def difference(self) -> Difference:
        """Return what the pass changed so far."""
        moves, buried = self._moves, self._buried
        fresh = [key for key, record in buried if record is not None and record.get("missed") == 1]
        return Difference(
            added=self._added - len(moves),
            changed=self._changed,
            buried=len(fresh),
            removed=sum(record is None for _, record in buried),
            moved=len(moves),
        )

    def _bury(
        self, missing: Mapping[str, ItemRecord], known: int, *, complete: bool
    ) -> tuple[list[Change], str | None]:
        gone = sum(map(is_live, missing.values()))
        judgement = self._rules.judge(known=known, missing=gone, complete=complete) if missing else None
        if judgement is Judgement.KEEP:
            return self._confirmed(missing, complete=complete), self._warning(gone, known, complete=complete)
        if judgement is Judgement.REMOVE:
            return [(key, None) for key in missing], None
        return [self._missed(key, record) for key, record in missing.items()], None

    def _confirmed(self, missing: Mapping[str, ItemRecord], *, complete: bool) -> list[Change]:
        """Count up tombstones of earlier passes all the same, unless this answer is worth nothing."""
        if not complete or not self._seen:
            return []
        return [self._missed(key, record) for key, record in missing.items() if not is_live(record)]

    def _missed(self, key: str, record: ItemRecord) -> Change:
        missed = record.get("missed", 0) + 1
        if self._rules.is_over(missed):
            return key, None
        since = record.get("missing_since", self._now)
        return key, replaced(record, missed=missed, missing_since=since)

    def _warning(self, gone: int, known: int, *, complete: bool) -> str | None:
        if not complete:
            return f"the listing ended early: {self.seen} items, {known} are known; nothing was deleted"
        if not gone:
            return None
        return (
            f"the server lists {self.seen} items, {known} are known: nothing was deleted; "
            "if this is right, sync with --yes"
        )

"""Which downloads of subscriptions may go, and why. Pure: what is shown is what is then done.

An item goes when every subscription that names it lets it go. The bounds of one subscription look at
its own items only; the room on a file system is counted once for all of them.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum, unique
from fnmatch import fnmatchcase
from typing import Any, Final

from vidra.settings.retention import AgeBy, RetentionSettings

FEWEST: Final = 5
"""From so many items on, losing nearly all of them is suspicious; losing all of two or more always is."""
NEARLY_ALL: Final = 0.8


@unique
class Fate(StrEnum):
    """What becomes of an item."""

    REMOVE = "remove"
    KEEP = "keep"
    SHARED = "shared"
    """One subscription lets it go, another keeps it."""
    GONE = "gone"
    """Its file is not there any more; nothing is done about it."""
    UNTOUCHABLE = "untouchable"
    """Its file is not a plain file below the library's roots; it is never touched."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Item:
    """One item of the library as far as retention cares."""

    key: str
    lists: tuple[str, ...]
    """Declared subscriptions that name it."""
    title: str = ""
    path: str = ""
    """Below the root, with `/`."""
    uploaded: date | None = None
    downloaded: date
    order: str = ""
    """Sorts items of one day: when exactly it was downloaded."""
    size: int = 0
    """Bytes of the media file and its sidecars."""
    volume: int = 0
    """File system it lies on."""
    trouble: Fate | None = None
    """Why it is out of the question: GONE or UNTOUCHABLE."""
    trouble_reason: str = ""

    def day(self, by: AgeBy) -> date:
        """Return the day its age is counted from."""
        return (self.uploaded or self.downloaded) if by is AgeBy.UPLOAD else self.downloaded


@dataclass(frozen=True, kw_only=True, slots=True)
class Ruling:
    """One item, what becomes of it, and why."""

    item: Item
    fate: Fate
    reason: str

    def to_json(self) -> dict[str, Any]:
        """Return what a person and a program read of it; these keys stay."""
        item = self.item
        return {
            "key": item.key, "title": item.title or None, "path": item.path, "lists": list(item.lists),
            "uploaded": item.uploaded.isoformat() if item.uploaded else None,
            "downloaded": item.downloaded.isoformat(), "bytes": item.size, "decision": self.fate.value,
            "reason": self.reason,
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class RemovalPlan:
    """Every item that was looked at, oldest first, and which subscriptions would lose (nearly) everything."""

    rulings: tuple[Ruling, ...]
    doubts: Mapping[str, str] = field(default_factory=dict)
    """Why a person should say that it is right, by subscription."""

    @property
    def removals(self) -> Sequence[Ruling]:
        """What goes, oldest first."""
        return [ruling for ruling in self.rulings if ruling.fate is Fate.REMOVE]

    @property
    def freed(self) -> int:
        """Bytes of all that goes."""
        return sum(ruling.item.size for ruling in self.removals)

    def to_json(self) -> dict[str, Any]:
        """Return the whole plan; these keys stay."""
        return {
            "remove": len(self.removals), "bytes": self.freed, "doubts": dict(self.doubts),
            "items": [ruling.to_json() for ruling in self.rulings],
        }  # fmt: skip


def plan_removals(
    items: Iterable[Item],
    *,
    policies: Mapping[str, RetentionSettings],
    today: date,
    free: Mapping[int, int],
    only: Collection[str] | None = None,
) -> RemovalPlan:
    """Decide about every item that one of the subscriptions names.

    `policies` has the bounds of every declared subscription, `free` the free bytes of each file system.
    With `only`, nothing goes that none of these subscriptions names, and nothing else is reported.
    """
    known = [item for item in items if any(name in policies for name in item.lists)]
    healthy = [item for item in known if item.trouble is None]
    desks = {name: _Desk(name, policy, healthy, today) for name, policy in policies.items()}
    scope = [item for item in known if only is None or not set(only).isdisjoint(item.lists)]
    scope.sort(key=lambda item: _age_order(item, policies))
    going = {item.key for item in scope if item.trouble is None and _all_let_go(item, desks)}
    _make_room(scope, going, desks, dict(free))
    rulings = tuple(_ruling(item, going, desks) for item in scope)
    return RemovalPlan(rulings=rulings, doubts=_doubts(going, desks))


class _Desk:
    """What one subscription says about its own items."""

    def __init__(self, name: str, policy: RetentionSettings, items: Iterable[Item], today: date) -> None:
        self.name, self.policy = name, policy
        by = policy.age_by
        own = [item for item in items if name in item.lists]
        self.items = sorted(own, key=lambda item: (item.day(by), item.order, item.key), reverse=True)
        self.protected = {item.key: reason for item in self.items if (reason := _kept(item, policy.keep))}
        for item in self.items[: policy.keep_newest]:
            self.protected.setdefault(item.key, f"keep_newest: one of the newest {policy.keep_newest}")
        self.let_go: dict[str, str] = {}
        self._judge(today)

    def _judge(self, today: date) -> None:
        policy = self.policy
        for rank, item in enumerate(self.items):
            age = (today - item.day(policy.age_by)).days
            if item.key in self.protected:
                continue
            if policy.max_age_days is not None and age > policy.max_age_days:
                self.let_go[item.key] = f"max_age_days: {age} days old, {policy.max_age_days} allowed"
            elif policy.max_items is not None and rank >= policy.max_items:
                self.let_go[item.key] = f"max_items: {policy.max_items} newer ones stay"
        if policy.max_bytes is not None:
            self._shrink(policy.max_bytes)

    def _shrink(self, most: int) -> None:
        total = sum(item.size for item in self.items if item.key not in self.let_go)
        for item in reversed(self.items):
            if total <= most:
                return
            # What takes up no room would go for nothing.
            if item.key not in self.protected and item.key not in self.let_go and item.size:
                self.let_go[item.key] = f"max_bytes: {total} bytes, {most} allowed"
                total -= item.size


def _kept(item: Item, patterns: Iterable[str]) -> str | None:
    names = [text.casefold() for text in (item.title, item.path.rpartition("/")[2], item.path)]
    for pattern in patterns:
        if any(fnmatchcase(name, pattern.casefold()) for name in names):
            return f"keep: {pattern}"
    return None


def _age_order(item: Item, policies: Mapping[str, RetentionSettings]) -> tuple[date, str, str]:
    by = next(policies[name].age_by for name in item.lists if name in policies)
    return item.day(by), item.order, item.key


def _desks_of(item: Item, desks: Mapping[str, _Desk]) -> Sequence[_Desk]:
    return [desks[name] for name in item.lists if name in desks]


def _all_let_go(item: Item, desks: Mapping[str, _Desk]) -> bool:
    return all(item.key in desk.let_go for desk in _desks_of(item, desks))


def _make_room(
    scope: Iterable[Item], going: set[str], desks: Mapping[str, _Desk], free: dict[int, int]
) -> None:
    """Add the oldest items to `going` until every file system has the room that their subscriptions want."""
    scope = list(scope)
    for item in scope:
        if item.key in going:
            free[item.volume] = free.get(item.volume, 0) + item.size
    for item in scope:
        room = free.get(item.volume)
        if item.trouble is not None or item.key in going or room is None or not item.size:
            continue
        told = [_short_of_room(item, desk, room) for desk in _desks_of(item, desks)]
        if any(reason is None for reason in told):
            continue
        for desk, reason in zip(_desks_of(item, desks), told, strict=True):
            desk.let_go.setdefault(item.key, reason or "")
        going.add(item.key)
        free[item.volume] = room + item.size


def _short_of_room(item: Item, desk: _Desk, room: int) -> str | None:
    """Return why the subscription lets the item go while so much room is free; None if it does not."""
    if item.key in desk.let_go:
        return desk.let_go[item.key]
    floor = desk.policy.free_space
    if floor is None or room >= floor or item.key in desk.protected:
        return None
    return f"free_space: {room} bytes free, {floor} wanted"


def _ruling(item: Item, going: Collection[str], desks: Mapping[str, _Desk]) -> Ruling:
    own = _desks_of(item, desks)
    reasons = {desk.name: desk.let_go[item.key] for desk in own if item.key in desk.let_go}
    if item.trouble is not None:
        return Ruling(item=item, fate=item.trouble, reason=item.trouble_reason)
    if item.key in going:
        return Ruling(item=item, fate=Fate.REMOVE, reason="; ".join(dict.fromkeys(reasons.values())))
    keepers = [desk for desk in own if desk.name not in reasons]
    if reasons:
        names = ", ".join(desk.name for desk in keepers)
        return Ruling(item=item, fate=Fate.SHARED, reason=f"kept by {names}")
    protected = next((desk.protected[item.key] for desk in own if item.key in desk.protected), None)
    return Ruling(item=item, fate=Fate.KEEP, reason=protected or "within the bounds")


def _doubts(going: Collection[str], desks: Mapping[str, _Desk]) -> Mapping[str, str]:
    found = {}
    for name, desk in desks.items():
        total = len(desk.items)
        lost = sum(item.key in going for item in desk.items)
        all_of_it = total > 1 and lost == total
        if all_of_it or (total >= FEWEST and lost >= total * NEARLY_ALL):
            found[name] = f"{lost} of the {total} items of `{name}` would go: is the retention as meant?"
    return found

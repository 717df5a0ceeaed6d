"""From what lists name to what a run downloads, oldest first. Pure: a dry run shows the run's own plan."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum, unique
from itertools import chain
from typing import Any, assert_never

from vidra.media.interface import MediaEntry
from vidra.media.lists.rules import Rules, Verdict
from vidra.settings.subscriptions import ListOrder


@unique
class Decision(StrEnum):
    """What becomes of an item in this run."""

    DOWNLOAD = "download"
    ARCHIVED = "archived"
    """It was downloaded before, for this list or for another."""
    DELETED = "deleted"
    """It was deleted on purpose."""
    UNWANTED = "unwanted"
    """The rules refuse it."""
    UNDER_WAY = "under_way"
    """An unfinished job has it."""
    LATER = "later"
    """A later run takes it: it failed lately, the run is full, or its stream is not over."""
    UNREADABLE = "unreadable"
    """The list itself says that it cannot be had."""


@dataclass(frozen=True, kw_only=True, slots=True)
class PlannedItem:
    """One item of a list and what becomes of it."""

    entry: MediaEntry
    decision: Decision
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return what a person and a program read of it."""
        entry = self.entry
        return {
            "key": entry.key,
            "url": entry.url,
            "title": entry.title,
            "upload_date": entry.upload_date,
            "duration": entry.duration,
            "decision": self.decision.value,
            "reason": self.reason or None,
        }


@dataclass(frozen=True, kw_only=True, slots=True)
class Known:
    """What is known of items besides the lists."""

    archived: Container[str] = frozenset()
    """Archive keys."""
    addresses: Mapping[str, str] = field(default_factory=dict)
    """Archive key by page address, of items in the library and of deleted ones; one item a page."""
    deleted: Mapping[str, str] = field(default_factory=dict)
    """Why an item was deleted, by key."""
    under_way: Mapping[str, str] = field(default_factory=dict)
    """The unfinished job that has an item, by key."""
    resting: Mapping[str, str] = field(default_factory=dict)
    """Why an item that failed lately is left alone, by key."""
    left_out: Mapping[str, str] = field(default_factory=dict)
    """Why the rules refused an item once its page was read, by key."""

    def name_of(self, entry: MediaEntry, *, alone: bool) -> str | None:
        """Return the key under which the item is archived; None if it is not.

        yt-dlp's own key counts where it means something: that of an extractor for one site. The page's
        address counts if the item is `alone` on its page.
        """
        other = None if _means_nothing(entry) else entry.archive_key
        by_address = self.addresses.get(entry.url) if alone else None
        return next((key for key in (entry.key, other, by_address) if key and key in self.archived), None)


@dataclass(frozen=True, kw_only=True, slots=True)
class Plan:
    """What a run does with each item of the lists, oldest first."""

    items: tuple[PlannedItem, ...]
    archived_keys: frozenset[str]
    """Keys under which archived items are archived."""

    @property
    def downloads(self) -> Sequence[MediaEntry]:
        """What is downloaded, oldest first."""
        return [item.entry for item in self.items if item.decision is Decision.DOWNLOAD]

    @property
    def fresh(self) -> int:
        """Items that this run or a later one downloads."""
        return self.counts.get(Decision.DOWNLOAD, 0) + self.counts.get(Decision.LATER, 0)

    @property
    def counts(self) -> Mapping[Decision, int]:
        """How many items have each decision; decisions without items are left out."""
        return Counter(item.decision for item in self.items)

    @property
    def held(self) -> int:
        """Items of the lists that were dealt with for good in an earlier run."""
        return self.counts.get(Decision.ARCHIVED, 0) + self.counts.get(Decision.DELETED, 0)


def make_plan(
    lists: Iterable[Sequence[MediaEntry]],
    *,
    rules: Rules,
    order: ListOrder,
    known: Known,
    max_items: int | None = None,
) -> Plan:
    """Decide about every item of the lists, each item once however many of them name it."""
    items: list[PlannedItem] = []
    names: set[str] = set()
    chosen = 0
    lists = list(lists)
    crowded = _crowded(lists)
    for entry in _each_once(merged(lists, order), crowded):
        archived_as = known.name_of(entry, alone=entry.url not in crowded)
        if archived_as is not None:
            names.add(archived_as)
        item = _decide(entry, archived_as, rules, known)
        if item.decision is Decision.DOWNLOAD:
            chosen += 1
            if max_items is not None and chosen > max_items:
                reason = f"max_items: {max_items} a run"
                item = PlannedItem(entry=entry, decision=Decision.LATER, reason=reason)
        items.append(item)
    return Plan(items=tuple(items), archived_keys=frozenset(names))


def merged(lists: Iterable[Sequence[MediaEntry]], order: ListOrder) -> list[MediaEntry]:
    """Return the items of all lists, oldest first: by date if all have one, else one list after another."""
    found = list(chain.from_iterable(oldest_first(one, order) for one in lists))
    if order is ListOrder.AUTO and all(entry.upload_date for entry in found):
        found.sort(key=lambda entry: entry.upload_date or "")
    return found


def oldest_first(entries: Sequence[MediaEntry], order: ListOrder) -> Sequence[MediaEntry]:
    """Return the entries of one list, oldest first; without dates a list is taken to be newest first."""
    match order:
        case ListOrder.OLDEST_FIRST:
            return entries
        case ListOrder.NEWEST_FIRST:
            return entries[::-1]
        case ListOrder.AUTO:
            days = [entry.upload_date for entry in entries if entry.upload_date]
            rising = len(days) == len(entries) and bool(days) and days[0] < days[-1]
            return entries if rising else entries[::-1]
        case _:
            assert_never(order)


def _crowded(lists: Iterable[Sequence[MediaEntry]]) -> frozenset[str]:
    """Return the addresses that several items of one list share: pages, or lists, that hold them all."""
    return frozenset(
        url for one in lists for url, count in Counter(entry.url for entry in one).items() if count > 1
    )


def _each_once(entries: Iterable[MediaEntry], crowded: Container[str]) -> Iterable[MediaEntry]:
    """Yield each item once: neither its key nor a page of its own has come before."""
    seen: set[str] = set()
    for entry in entries:
        names = {entry.key} if entry.url in crowded else {entry.key, entry.url}
        if seen.isdisjoint(names):
            yield entry
        seen |= names


def _decide(entry: MediaEntry, archived_as: str | None, rules: Rules, known: Known) -> PlannedItem:
    key = archived_as or entry.key
    known_reasons: Collection[tuple[Decision, Mapping[str, str]]] = (
        (Decision.DELETED, known.deleted),
        (Decision.UNDER_WAY, known.under_way),
    )
    for decision, reasons in known_reasons:
        if key in reasons:
            return PlannedItem(entry=entry, decision=decision, reason=reasons[key])
    if archived_as is not None:
        return PlannedItem(entry=entry, decision=Decision.ARCHIVED)
    if entry.error is not None:
        return PlannedItem(entry=entry, decision=Decision.UNREADABLE, reason=entry.error)
    if key in known.left_out:
        return PlannedItem(entry=entry, decision=Decision.UNWANTED, reason=known.left_out[key])
    judgement = rules.judge(entry)
    match judgement.verdict:
        case Verdict.UNWANTED:
            return PlannedItem(entry=entry, decision=Decision.UNWANTED, reason=judgement.reason)
        case Verdict.LATER:
            return PlannedItem(entry=entry, decision=Decision.LATER, reason=judgement.reason)
        case Verdict.WANTED | Verdict.UNDECIDED:
            if key in known.resting:
                return PlannedItem(entry=entry, decision=Decision.LATER, reason=known.resting[key])
            return PlannedItem(entry=entry, decision=Decision.DOWNLOAD, reason=judgement.reason)
        case _:
            assert_never(judgement.verdict)


def _means_nothing(entry: MediaEntry) -> bool:
    return (entry.archive_key or "").partition(" ")[0] in {"generic", "html5", "html5mediaembed"}

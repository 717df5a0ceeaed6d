"""Removes what retention lets go: remembered as deleted first, then the files, then empty folders."""

from __future__ import annotations

import stat
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import PathRefused
from vidra.media.disk_space import FreeBytes, free_bytes
from vidra.media.lists.belongings import removable, sidecars_of, sweep
from vidra.media.lists.retention import Fate, Item, RemovalPlan, plan_removals
from vidra.settings import Settings
from vidra.settings.inheritance import runnable, subscription
from vidra.settings.retention import RetentionSettings
from vidra.state.holdings import Holding, Holdings, Tombstone, open_holdings
from vidra.state.lock import ExclusiveLock

LOCK_FILE: Final = "retention.lock"


@dataclass(frozen=True, kw_only=True, slots=True)
class Removal:
    """What became of one item that was to go, or that an earlier run had begun to remove."""

    key: str
    title: str | None
    reason: str
    files: tuple[str, ...]
    """Removed just now; those that were gone already are not among them."""
    problems: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` shows; these keys stay."""
        return {
            "key": self.key, "title": self.title, "reason": self.reason, "files": list(self.files),
            "problems": list(self.problems),
        }  # fmt: skip


@dataclass(frozen=True, kw_only=True, slots=True)
class Clearance:
    """What was planned and what was done."""

    plan: RemovalPlan
    removals: tuple[Removal, ...] = ()
    refused: Mapping[str, str] | None = None
    """Why nothing of a subscription went, by name: somebody has to say that it is right."""

    @property
    def problems(self) -> Sequence[str]:
        """Files that could not be removed, and why."""
        return [problem for removal in self.removals for problem in removal.problems]

    def to_json(self) -> dict[str, Any]:
        """Return what `--json` shows; these keys stay."""
        return {
            "removed": [removal.to_json() for removal in self.removals],
            "refused": dict(self.refused or {}),
            "problems": list(self.problems),
        }


def policies_of(settings: Settings) -> Mapping[str, RetentionSettings]:
    """Return the bounds that hold for each subscription: its own, else those of the section `retention`."""
    declared = settings.subscriptions
    return {name: subscription(name, declared).retention or settings.retention for name in runnable(declared)}


def plan(
    settings: Settings,
    *,
    names: Collection[str] | None = None,
    clock: Clock = SYSTEM_CLOCK,
    free: FreeBytes = free_bytes,
) -> RemovalPlan:
    """Return what would go, of these subscriptions or of all. Changes nothing. Raises `UsageError`."""
    policies = _checked(settings, names)
    with _holdings(settings, clock) as holdings:
        return _Look(settings, holdings, policies).plan(names, today=clock.now().date(), free=free)


def apply(
    settings: Settings,
    *,
    names: Collection[str] | None = None,
    yes: bool = False,
    clock: Clock = SYSTEM_CLOCK,
    free: FreeBytes = free_bytes,
) -> Clearance:
    """Remove what the plan lets go, and finish what a run that died had begun.

    A subscription that would lose (nearly) everything keeps all unless `yes`. A file that cannot be
    removed is told, and tried again next time. Raises `UsageError` for an unknown name, and `StateError`.
    """
    policies = _checked(settings, names)
    lock = ExclusiveLock(settings.storage.data_dir / LOCK_FILE, timeout=settings.storage.lock_timeout)
    with lock, _holdings(settings, clock) as holdings:
        finished = _finish(holdings, settings)
        look = _Look(settings, holdings, policies)
        found = look.plan(names, today=clock.now().date(), free=free)
        refused = {} if yes else found.doubts
        for ruling in found.removals:
            if refused.keys().isdisjoint(ruling.item.lists):
                files = [str(file) for file in look.files[ruling.item.key]]
                reason = f"retention: {ruling.reason}"
                holdings.let_go(look.held[ruling.item.key], files=files, reason=reason)
        done = [*finished, *_finish(holdings, settings, skip={one.key for one in finished})]
        return Clearance(plan=found, removals=tuple(done), refused=refused)


class _Look:
    """What the holdings and the disk say about the items of subscriptions."""

    def __init__(
        self, settings: Settings, holdings: Holdings, policies: Mapping[str, RetentionSettings]
    ) -> None:
        self._roots, self._policies = settings.downloads.allowed_roots, policies
        everything = holdings.all()
        self._owners = _owners(everything)
        self.held = {one.key: one for one in everything if not policies.keys().isdisjoint(one.lists)}
        self.files: dict[str, list[Path]] = {}

    def plan(self, names: Collection[str] | None, *, today: date, free: FreeBytes) -> RemovalPlan:
        """Return the plan for these subscriptions."""
        items = [self._item(one) for one in self.held.values()]
        places = {item.volume: Path(self.held[item.key].main_file) for item in items if item.trouble is None}
        room = {volume: free(file.parent) for volume, file in places.items()}
        return plan_removals(items, policies=self._policies, today=today, free=room, only=names)

    def _item(self, one: Holding) -> Item:
        main = Path(one.main_file)
        facts: dict[str, Any] = {
            "key": one.key,
            "title": one.title or "",
            "lists": tuple(name for name in one.lists if name in self._policies),
            "uploaded": _day(one.upload_date),
            "downloaded": _day(one.downloaded_at) or datetime.min.replace(tzinfo=UTC).date(),
            "order": one.downloaded_at,
            "path": main.name,
        }
        try:
            root = removable(main, self._roots)
        except PathRefused as refusal:
            return Item(**facts, trouble=Fate.UNTOUCHABLE, trouble_reason=str(refusal))
        facts["path"] = (main.parent.resolve() / main.name).relative_to(root.resolve()).as_posix()
        try:
            volume = main.stat().st_dev
        except FileNotFoundError:
            return Item(**facts, trouble=Fate.GONE, trouble_reason="its file is gone")
        files = self.files[one.key] = self._belongings(one, main)
        return Item(**facts, volume=volume, size=sum(_size(file) for file in files))

    def _belongings(self, one: Holding, main: Path) -> list[Path]:
        """Return what is removed with the item: main file last, so that sidecars never stay alone."""
        known = [Path(file) for file in one.files if file != one.main_file]
        beside = dict.fromkeys([*known, *sidecars_of(main)])
        own = [file for file in beside if self._owners.get(str(file), {one.key}) == {one.key}]
        return [*(file for file in own if _is_removable(file, self._roots)), main]


def _finish(holdings: Holdings, settings: Settings, *, skip: Collection[str] = ()) -> list[Removal]:
    """Remove the files of buried items that are still there."""
    owners = _owners(holdings.all())
    done = []
    for stone in holdings.unfinished():
        if stone.key not in skip:
            removal = _remove(stone, owners, settings.downloads.allowed_roots)
            done.append(removal)
            if not removal.problems:
                holdings.removed([stone.key])
    return done


def _remove(stone: Tombstone, owners: Mapping[str, set[str]], roots: Sequence[Path]) -> Removal:
    removed, problems = [], []
    for name in stone.files:
        file = Path(name)
        if name in owners:
            continue  # another item arrived in its place: its files are not ours any more
        try:
            removable(file, roots)
            if file.exists():
                file.unlink()
                removed.append(name)
        except FileNotFoundError:
            continue
        except (OSError, PathRefused) as error:
            problems.append(f"{file}: {error}")
    for folder in dict.fromkeys(Path(name).parent for name in removed):
        sweep(folder, roots)
    return Removal(
        key=stone.key, title=stone.title, reason=stone.reason, files=tuple(removed), problems=tuple(problems)
    )


@contextmanager
def _holdings(settings: Settings, clock: Clock) -> Iterator[Holdings]:
    storage = settings.storage
    with open_holdings(storage.data_dir, lock_timeout=storage.lock_timeout, clock=clock) as holdings:
        yield holdings


def _checked(settings: Settings, names: Collection[str] | None) -> Mapping[str, RetentionSettings]:
    for name in names or ():
        subscription(name, settings.subscriptions)
    return policies_of(settings)


def _owners(holdings: Iterable[Holding]) -> Mapping[str, set[str]]:
    """Return which items claim a file."""
    owners: dict[str, set[str]] = {}
    for one in holdings:
        for file in {one.main_file, *one.files}:
            owners.setdefault(file, set()).add(one.key)
    return owners


def _is_removable(file: Path, roots: Sequence[Path]) -> bool:
    try:
        removable(file, roots)
    except PathRefused:
        return False
    return True


def _size(file: Path) -> int:
    try:
        found = file.lstat()
    except FileNotFoundError:
        return 0
    return found.st_size if stat.S_ISREG(found.st_mode) else 0


def _day(text: str | None) -> date | None:
    try:
        return date.fromisoformat((text or "")[:10])
    except ValueError:
        return None

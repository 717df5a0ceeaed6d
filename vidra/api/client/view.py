"""One job as the client's messages are made of it: the record, its figures and, where known, its entries."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from zlib import crc32

from vidra.engine.jobs.selection import selected
from vidra.state.interface import Entry, EntryStatus, Job, JobKind, JobProgress


@dataclass(frozen=True, kw_only=True)
class ListTally:
    """Where the entries of a list stand; all lists hold 1-based places, sorted."""

    listed: int
    """Selected entries that were not removed."""
    received: int
    completed: tuple[int, ...]
    failed: tuple[int, ...]
    queued: tuple[int, ...]
    removed: tuple[int, ...]
    chosen: tuple[int, ...]
    """The selection, empty if there is none."""
    current: Entry | None
    errors: tuple[Entry, ...]
    """Entries that carry an error."""
    version: int
    """Changes when, and only when, what the list tells apart from figures changes."""

    @property
    def percent(self) -> float:
        """Completed entries of the listed ones, in percent with two decimals; 100 when none is left."""
        return round(100 * len(self.completed) / self.listed, 2) if self.listed else 100.0

    @property
    def pending(self) -> int:
        """Listed entries that are neither completed nor failed."""
        return max(0, self.listed - len(self.completed) - len(self.failed))


@dataclass(frozen=True, kw_only=True)
class JobView:
    """A job and what belongs to it. `entries` is None when they were not looked at."""

    job: Job
    progress: JobProgress | None = None
    entries: Sequence[Entry] | None = None
    options_version: int | None = None
    logs_version: int | None = None

    @property
    def is_list(self) -> bool:
        """Whether the job turned out to be a list."""
        return self.job.kind is JobKind.PLAYLIST

    @cached_property
    def listed(self) -> Sequence[Entry]:
        """The entries a client is shown: the selected ones."""
        return selected(self.job, self.entries or ())

    @cached_property
    def tally(self) -> ListTally | None:
        """Where the entries stand; None for what is no list, or when they were not looked at."""
        if not self.is_list or self.entries is None:
            return None
        return tally_of(self.job, self.entries, self.listed)

    def with_changes(self, **fields: object) -> JobView:
        """Return a copy with other fields."""
        return replace(self, **fields)  # type: ignore[arg-type]  # checked by the caller's own types


def tally_of(job: Job, entries: Sequence[Entry], listed: Sequence[Entry]) -> ListTally:
    """Count the entries once, in order."""
    by_status: dict[EntryStatus, list[int]] = {}
    for entry in listed:
        by_status.setdefault(entry.status, []).append(entry.index)
    removed = by_status.get(EntryStatus.REMOVED, [])
    return ListTally(
        listed=len(listed) - len(removed),
        received=len(entries),
        completed=tuple(by_status.get(EntryStatus.COMPLETED, ())),
        failed=tuple(by_status.get(EntryStatus.FAILED, ())),
        queued=tuple(by_status.get(EntryStatus.QUEUED, ())),
        removed=tuple(removed),
        chosen=() if job.selection is None else tuple(entry.index for entry in listed),
        current=next((entry for entry in listed if entry.status is EntryStatus.ACTIVE), None),
        errors=tuple(entry for entry in listed if entry.error),
        version=_version(job, listed),
    )


def _version(job: Job, listed: Sequence[Entry]) -> int:
    facts = [f"{job.selection}"]
    facts += [f"{e.index} {e.status} {e.title} {e.main_file} {e.error} {e.duration}" for e in listed]
    return crc32("\n".join(facts).encode()) & 0x7FFFFFFF

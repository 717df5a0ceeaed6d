"""Which entries of a list a job works on: the chosen ones, and of those the ones that are due."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Final

from vidra.errors import UsageError
from vidra.state.interface import Entry, EntryStatus, Job

_PART: Final = re.compile(r"([1-9][0-9]{0,8})(?:-([1-9][0-9]{0,8}))?")
_OVER: Final = frozenset({EntryStatus.COMPLETED, EntryStatus.REMOVED})


def ranges_of(selection: str) -> tuple[range, ...]:
    """Read `1-3,5`; raise `UsageError` for anything else. Cheap for ranges of any width."""
    found: list[range] = []
    for part in selection.split(","):
        match = _PART.fullmatch(part.strip())
        if match is None:
            raise UsageError(f"selection {selection!r}: expected places such as `1-3,5`")
        first = int(match[1])
        found.append(range(first, int(match[2] or first) + 1))
    return tuple(found)


def as_text(indices: Iterable[int]) -> str:
    """Return the places as `1-3,5`, sorted, each once."""
    parts: list[list[int]] = []
    for index in sorted(set(indices)):
        if parts and index == parts[-1][1] + 1:
            parts[-1][1] = index
        else:
            parts.append([index, index])
    return ",".join(str(first) if first == last else f"{first}-{last}" for first, last in parts)


def selected(job: Job, entries: Iterable[Entry]) -> list[Entry]:
    """Return the entries that the job's selection names; all of them if there is none."""
    if job.selection is None:
        return list(entries)
    ranges = ranges_of(job.selection)
    return [entry for entry in entries if any(entry.index in places for places in ranges)]


def due(job: Job, entries: Sequence[Entry]) -> list[Entry]:
    """Return the entries that the next run has to work on.

    Entries that a person asked for anew are `queued`; if there are any, they alone are due. Else it
    is every selected entry that is neither completed nor removed.
    """
    chosen = selected(job, entries)
    asked_for = [entry for entry in chosen if entry.status is EntryStatus.QUEUED]
    return asked_for or [entry for entry in chosen if entry.status not in _OVER]

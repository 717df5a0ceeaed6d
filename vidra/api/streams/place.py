"""A place in the history of changes, precise to the single change, as text for event ids."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final, Self

from vidra.errors import UsageError
from vidra.state import Change, ChangeKind, Cursor

_LONGEST: Final = 1024
_SKIPS: Final = re.compile(r"[a-z_]+\.[0-9]{1,9}(?:-[a-z_]+\.[0-9]{1,9})*")


@dataclass(frozen=True, kw_only=True, slots=True)
class Place:
    """The state's cursor, and how many changes of each kind behind it were told already.

    A batch may hold changes of several files, whose order among each other is not fixed; within one
    kind it is. So counting by kind stays right even if the batch has grown by the time of resuming.
    """

    cursor: Cursor
    told: Mapping[ChangeKind, int] = field(default_factory=dict)

    def __str__(self) -> str:
        """Return the cursor's text, and `~kind.count-kind.count` if changes behind it were told."""
        skips = "-".join(f"{kind.value}.{count}" for kind, count in self.told.items())
        return f"{self.cursor}~{skips}" if skips else str(self.cursor)

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read a place's text; raise `UsageError` for anything else."""
        cursor, tilde, skips = text.partition("~")
        known = {kind.value for kind in ChangeKind}
        pairs = [part.split(".") for part in skips.split("-")] if tilde else []
        bad_skips = tilde and (not _SKIPS.fullmatch(skips) or any(kind not in known for kind, _ in pairs))
        if len(text) > _LONGEST or bad_skips:
            raise UsageError(f"place {text[:80]!r}: expected the id of an event that was received")
        told = {ChangeKind(kind): int(count) for kind, count in pairs}
        return cls(cursor=Cursor.parse(cursor), told=told)

    def numbered(self, changes: Iterable[Change]) -> Iterator[tuple[Change, Place]]:
        """Yield each change that was not told yet, with the place behind it."""
        told: Counter[ChangeKind] = Counter()
        for change in changes:
            told[change.kind] += 1
            if told[change.kind] > self.told.get(change.kind, 0):
                passed = {kind: max(told[kind], self.told.get(kind, 0)) for kind in told | Counter(self.told)}
                yield change, Place(cursor=self.cursor, told=passed)

    def through(self, stretches: Iterable[tuple[Cursor, Sequence[Change]]]) -> Iterator[tuple[Change, Place]]:
        """Yield the changes of stretches that follow one another from our cursor on, as `numbered` does.

        Their places are counted from the stretch they are in: they do not grow however often one resumes.
        """
        told = Counter(self.told)
        for cursor, changes in stretches:
            yield from Place(cursor=cursor, told=told).numbered(changes)
            told = told - Counter(change.kind for change in changes)

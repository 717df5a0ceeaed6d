"""What an owner does to state files by hand: write them out plainly, or take a copy of everything."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vidra.errors import StateError

from .files import StateFiles
from .inspection import adoption, state_files
from .journal import Journal
from .records import SCHEMAS
from .snapshot import META


@dataclass(frozen=True, kw_only=True, slots=True)
class Compacted:
    """What became of one file; sizes in bytes of snapshot and journal together."""

    file: str
    before: int
    after: int
    error: str | None = None


def compact_all(data_dir: Path) -> Iterator[Compacted]:
    """Compact every state file; an error of one is told and leaves the others alone."""
    for path in state_files(data_dir):
        file, before, error = str(path.relative_to(data_dir)), _size(path), None
        try:
            Journal(path, schemas=SCHEMAS, adopt=adoption(data_dir, path)).compact()
        except StateError as problem:
            error = str(problem)
        yield Compacted(file=file, before=before, after=_size(path), error=error)


def export(data_dir: Path) -> dict[str, Any]:
    """Return everything as one object: file, then table, then document id, as plain TinyDB has it.

    Raises `StateDamaged` after a repair, and `StateTooNew`.
    """
    return {str(path.relative_to(data_dir)): _plain(data_dir, path) for path in state_files(data_dir)}


def _plain(data_dir: Path, path: Path) -> dict[str, Any]:
    with Journal(path, schemas=SCHEMAS, adopt=adoption(data_dir, path)).reading() as replica:
        return {n: {str(i): d for i, d in t.items()} for n, t in replica.tables.items() if n != META and t}


def _size(path: Path) -> int:
    files = StateFiles(snapshot=path)
    return sum(file.stat().st_size for file in (files.snapshot, files.journal) if file.exists())

"""Looks at every state file without locks and without changing anything, and says what is wrong."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from vidra.clock import SYSTEM_CLOCK
from vidra.errors import StateError, StateTooNew

from .files import Inconsistent, Loaded, StateFiles, load
from .home import ENTRY_FOLDER, JOBS_FILE, LOG_FOLDER, OPTION_FOLDER
from .legacy import JobsImport, entries_import, logs_import, options_import
from .records import SCHEMAS
from .schema import upgrade
from .snapshot import META, Adopt

LIBRARY_FOLDER = "library"


@dataclass(frozen=True, kw_only=True, slots=True)
class FileReport:
    """What one state file looks like; sizes in bytes."""

    file: str
    """Path below the data folder."""
    documents: dict[str, int]
    """Number of documents by table."""
    seq: int
    """The last transaction."""
    snapshot_size: int
    journal_size: int
    damage: str | None = None
    """What is wrong with it now; None if nothing is."""
    note: str | None = None
    """What will happen at the next use, if anything."""
    kept_aside: tuple[str, ...] = ()
    """Quarantined files: somebody should look at them, then delete them."""
    torn: tuple[str, ...] = ()
    """Ends cut after a crash that held a whole line; kept to be sure."""

    @property
    def sound(self) -> bool:
        """Whether nobody has to look at it."""
        return self.damage is None and not self.kept_aside


def state_files(data_dir: Path) -> Iterator[Path]:
    """Yield the `<name>.json` of every state file of the folder, whether it or only its journal exists."""
    folders = (data_dir, *(data_dir / n for n in (ENTRY_FOLDER, OPTION_FOLDER, LOG_FOLDER, LIBRARY_FOLDER)))
    for folder in folders:
        journals = {path.with_suffix(".json") for path in folder.glob("*.journal")}
        plain = set(folder.glob("*.json")) if folder != data_dir else {data_dir / JOBS_FILE}
        for path in sorted(journals | plain):
            # A dot in the name marks copies: `.previous`, `.damaged-…`, `.imported-…`.
            if "." not in path.stem and (path.exists() or path in journals):
                yield path


def inspect(data_dir: Path) -> list[FileReport]:
    """Return a report for every state file."""
    return [_report(data_dir, path) for path in state_files(data_dir)]


def _report(data_dir: Path, path: Path) -> FileReport:
    files, damage, note = StateFiles(snapshot=path), None, None
    try:
        loaded = load(files, adoption(data_dir, path))
        upgrade(path, loaded.tables, SCHEMAS)
        note = _note(loaded)
    except Inconsistent as problem:
        loaded, damage = problem.partial, f"{problem.path.name}: {problem.reason}"
    except (StateTooNew, StateError, OSError) as error:
        loaded, damage = Loaded(), str(error)
    return FileReport(
        file=str(path.relative_to(data_dir)),
        documents={name: len(table) for name, table in loaded.tables.items() if name != META},
        seq=loaded.seq,
        snapshot_size=path.stat().st_size if path.exists() else 0,
        journal_size=files.journal.stat().st_size if files.journal.exists() else 0,
        damage=damage,
        note=note,
        kept_aside=tuple(aside.name for aside in files.kept_aside()),
        torn=tuple(sorted(torn.name for torn in path.parent.glob(f"{files.name}.torn-*"))),
    )


def _note(loaded: Loaded) -> str | None:
    if loaded.adopted:
        return "not written by this Vidra; will be converted at the next change"
    return f"a torn end of {len(loaded.tail)} bytes will be cut at the next change" if loaded.tail else None


def adoption(data_dir: Path, path: Path) -> Adopt | None:
    """Return what reads a 1.x file in that place."""
    if path == data_dir / JOBS_FILE:
        return JobsImport(SYSTEM_CLOCK)
    return {ENTRY_FOLDER: entries_import(None), OPTION_FOLDER: options_import, LOG_FOLDER: logs_import}.get(
        path.parent.name
    )

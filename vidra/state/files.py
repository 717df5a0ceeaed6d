"""Which files make up one journaled state file, and how they are exchanged for the next generation.

`<name>.json` is the snapshot, `<name>.journal` the transactions since, `<name>.lock` the lock. The
generation before is kept as `<name>.previous.json` and `<name>.previous.journal`: with it a damaged
snapshot is rebuilt without loss, and a reader of changes may be that far behind.
"""

from __future__ import annotations

import logging
import os
import shutil
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

from .atomic import FILE_MODE, replace_file, replace_with_link, sync_folder, tighten
from .frame import Frame, Scan, Tables, encode, scan
from .snapshot import META, META_ID, Adopt, Snapshot, SnapshotDamaged, encode_snapshot, read_snapshot

log = logging.getLogger(__name__)

_HEADER_ROOM = 4096  # bytes; a journal's first line names sequence number and origin, about 150


@dataclass(frozen=True, kw_only=True, slots=True)
class StateFiles:
    """The paths around one state file `<folder>/<name>.json`."""

    snapshot: Path

    @property
    def name(self) -> str:
        """The file name without `.json`."""
        return self.snapshot.name.removesuffix(".json")

    @property
    def journal(self) -> Path:
        """Where transactions are appended."""
        return self.snapshot.with_name(f"{self.name}.journal")

    @property
    def lock(self) -> Path:
        """What writers hold."""
        return self.snapshot.with_name(f"{self.name}.lock")

    @property
    def previous_snapshot(self) -> Path:
        """The snapshot before the last compaction."""
        return self.snapshot.with_name(f"{self.name}.previous.json")

    @property
    def previous_journal(self) -> Path:
        """The journal before the last compaction."""
        return self.snapshot.with_name(f"{self.name}.previous.journal")

    @property
    def live(self) -> tuple[Path, ...]:
        """Every file that is part of the state file, whether it exists or not."""
        return (self.snapshot, self.journal, self.lock, self.previous_snapshot, self.previous_journal)

    def kept_aside(self) -> list[Path]:
        """Return what was quarantined, oldest first."""
        return sorted(self.snapshot.parent.glob(f"{self.name}.damaged-*"))

    def keep_aside(self, source: Path, reason: str, moment: datetime, *, data: bytes | None = None) -> Path:
        """Keep the file (or just `data` of it) under a dated name that nothing writes to; return that."""
        stamp = moment.strftime("%Y%m%dT%H%M%SZ")
        number = 1
        while True:
            extra = "" if number == 1 else f"-{number}"
            target = source.with_name(f"{self.name}.{reason}-{stamp}{extra}{source.suffix}")
            if not target.exists():
                break
            number += 1
        if data is not None:
            replace_file(target, data)
        elif not replace_with_link(source, target):
            shutil.copyfile(source, target)
        tighten(target, FILE_MODE)
        sync_folder(target.parent)
        return target


@dataclass(frozen=True, kw_only=True, slots=True)
class Loaded:
    """A state file as read: tables up to `seq`, and how far the journal was followed."""

    tables: Tables = field(default_factory=dict[str, dict[int, dict[str, Any]]])
    seq: int = 0
    base: int = 0
    end: int = 0
    last: Frame | None = None
    """The last frame read, or None if the journal was not read up to a frame."""
    inode: int | None = None
    """The journal's inode; None if there is no journal."""
    tail: bytes = b""
    adopted: bool = False
    behind: bool = False
    """Whether the journal ends before the snapshot does: the machine went down with lines not synced."""
    whole: bool = True
    """False if transactions may be missing between those that were found."""


class Inconsistent(Exception):
    """The files do not fit each other. Internal; `partial` is the last good state that can be had."""

    def __init__(self, path: Path, reason: str, partial: Loaded) -> None:
        self.path, self.reason, self.partial = path, reason, partial
        super().__init__(reason)


def header(seq: int, meta: dict[str, object]) -> bytes:
    """Return the first line of a journal whose first real transaction is `seq + 1`."""
    return encode(seq, [(META, META_ID, meta)])


def load(files: StateFiles, adopt: Adopt | None = None) -> Loaded:
    """Read the state; raise `Inconsistent` on damage, `StateTooNew`, or `OSError`. Changes nothing."""
    try:
        snapshot = read_snapshot(files.snapshot, adopt)
    except SnapshotDamaged as error:
        raise Inconsistent(files.snapshot, str(error), _rebuilt(files)) from error
    try:
        with files.journal.open("rb") as file:
            inode = os.fstat(file.fileno()).st_ino
            start, after = _resume_point(file.read(_HEADER_ROOM), snapshot)
            if start and not _is_line_end(file, start):
                start, after = 0, None
            file.seek(start)
            found = scan(file.read(), start, after=after)
    except FileNotFoundError:
        inode, found = None, Scan(frames=(), end=0, tail=b"", damaged=False)
    return _joined(files, snapshot or Snapshot(), found, inode, present=snapshot is not None)


def _resume_point(head: bytes, snapshot: Snapshot | None) -> tuple[int, int | None]:
    """Return the offset and sequence number from which the journal has to be read."""
    first = scan(head[: head.find(b"\n") + 1]).frames
    if snapshot and snapshot.offset and first and first[0].seq == snapshot.base:
        return snapshot.offset, snapshot.seq
    return 0, None


def _is_line_end(file: BinaryIO, offset: int) -> bool:
    file.seek(offset - 1)
    return file.read(1) == b"\n"


def _joined(
    files: StateFiles, snapshot: Snapshot, found: Scan, inode: int | None, *, present: bool
) -> Loaded:
    frames = found.frames
    if snapshot.adopted and len(frames) > 1:
        reason = "a file that Vidra did not write stands beside a journal with changes"
        raise Inconsistent(files.snapshot, reason, _rebuilt(files))
    if frames and frames[0].seq > snapshot.seq + (frames[0].start > 0) and not snapshot.adopted:
        reason = "older than the journal beside it" if present else "missing, but its journal is there"
        raise Inconsistent(files.snapshot, reason, _rebuilt(files))
    tables, seq = snapshot.tables, snapshot.seq
    for frame in frames:
        if frame.seq > seq or (snapshot.seq == 0 and frame.seq == 0):
            play(tables, frame)
            seq = frame.seq
    base = frames[0].seq if frames and frames[0].start == 0 else snapshot.base
    last = frames[-1] if frames else None
    loaded = Loaded(
        tables=tables,
        seq=seq,
        base=base,
        end=found.end,
        last=last,
        inode=inode,
        tail=found.tail,
        adopted=snapshot.adopted,
        behind=last is not None and last.seq < seq,
    )
    if found.damaged:
        raise Inconsistent(
            files.journal, f"a damaged line at byte {found.end}, with good ones behind it", loaded
        )
    return loaded


def play(tables: Tables, frame: Frame) -> None:
    """Carry out a frame on bare tables."""
    for name, doc_id, document in frame.operations:
        table = tables.setdefault(name, {})
        if document is None:
            table.pop(doc_id, None)
        else:
            table[doc_id] = document


def _rebuilt(files: StateFiles) -> Loaded:
    """Return the best state without the current snapshot: the generation before, then every good line."""
    try:
        snapshot = read_snapshot(files.previous_snapshot) or Snapshot()
    except (SnapshotDamaged, OSError) as error:
        log.warning("%s is of no help: %s", files.previous_snapshot, error)
        snapshot = Snapshot()
    tables, seq, whole = snapshot.tables, snapshot.seq, True
    for path in (files.previous_journal, files.journal):
        if not path.exists():
            continue
        found = scan(path.read_bytes())
        whole = whole and not found.damaged and (not found.frames or found.frames[0].seq <= seq)
        for frame in found.frames:
            if frame.seq > seq or not seq:
                play(tables, frame)
                seq = frame.seq
    return Loaded(tables=tables, seq=seq, base=seq, whole=whole)


def write_generation(files: StateFiles, tables: Tables, seq: int, *, keep_previous: bool = True) -> None:
    """Replace snapshot and journal, keeping the ones before; raise `OSError`.

    A crash between any two steps leaves a snapshot and a journal that fit: entries of an old
    journal that are in the new snapshot already are skipped by their sequence number.
    With `keep_previous=False`, for a state that the files before do not lead up to, a copy of the
    new snapshot stands for the generation before.
    """
    first = header(seq, tables.get(META, {}).get(META_ID, {}))
    snapshot = Snapshot(tables=tables, seq=seq, base=seq, offset=len(first))
    if keep_previous and files.snapshot.exists():
        replace_with_link(files.snapshot, files.previous_snapshot)
    replace_file(files.snapshot, *encode_snapshot(snapshot))
    if keep_previous and files.journal.exists():
        replace_with_link(files.journal, files.previous_journal)
    replace_file(files.journal, first)
    if not keep_previous:
        replace_file(files.previous_snapshot, *encode_snapshot(snapshot))
        files.previous_journal.unlink(missing_ok=True)


def restore(files: StateFiles, problem: Inconsistent, moment: datetime) -> Path:
    """Keep the damaged files aside and put the last good state in their place; return where they are."""
    present = [path for path in (files.snapshot, files.journal) if path.exists()]
    aside = {path: files.keep_aside(path, "damaged", moment) for path in present}
    good = problem.partial
    write_generation(files, good.tables, good.seq, keep_previous=False)
    return aside.get(problem.path) or next(iter(aside.values()))

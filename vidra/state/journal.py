"""One state file shared by threads and processes: read from memory, changed one transaction at a time.

What a caller may rely on:
* `change` returns once the transaction is in the journal (and on the disk, if `durable`). If it
  raises, nothing was changed, in memory or in the file.
* Every use first takes in what other processes appended; that costs one `stat` when there is nothing.
* Torn ends (a crash in the middle of an append) are cut by the next writer. Any other damage is
  kept aside under a dated name, the last good state is put in its place, and `StateDamaged` is
  raised once; the next use works on the restored state. With `repair=True` it is logged instead.
"""

from __future__ import annotations

import logging
import os
import secrets
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import StateDamaged, StateError, StateWriteFailed

from .atomic import (
    ensure_folder,
    replace_file,
    sweep,
    sync_file,
    translated,
    write_all,
)
from .files import Inconsistent, Loaded, StateFiles, header, load, restore, write_generation
from .frame import CRC_DIGITS, Document, Operation, Tables, encode, scan
from .lock import ExclusiveLock
from .position import Position
from .replica import Replica, View
from .schema import Schema, upgrade
from .snapshot import META, META_ID, Adopt, Snapshot, encode_snapshot

log = logging.getLogger(__name__)

COMPACT_FLOOR = 4 * 1024 * 1024
"""Bytes of journal below which compacting is not worth it. With the generation before kept, the
logs of a file stay below twice the larger of this and the snapshot."""
Change = tuple[str, int, Document | None]

_TRIES = 3  # of an unlocked read that races with a compaction, before it takes the lock


def boot_id() -> str:
    """Return what tells this start of the machine from others; empty where the system has no such thing."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return ""


class Journal:
    """The state file `path` (`<name>.json`) and what belongs to it; files are opened when first needed."""

    def __init__(
        self,
        path: Path,
        *,
        clock: Clock = SYSTEM_CLOCK,
        lock_timeout: float = 10.0,
        compact_floor: int = COMPACT_FLOOR,
        schemas: Mapping[str, Schema] | None = None,
        adopt: Adopt | None = None,
        repair: bool = False,
    ) -> None:
        self.files = StateFiles(snapshot=path)
        self._clock, self._floor, self._schemas = clock, compact_floor, dict(schemas or {})
        self._adopt, self._repair = adopt, repair
        self._guard = threading.RLock()
        self._lock = ExclusiveLock(self.files.lock, timeout=lock_timeout)
        self._replica = Replica()
        self._position: Position | None = None
        self._appender: int | None = None
        self._dirty = self._history_broken = False
        self._compact_at = 0

    def add_view(self, view: View) -> None:
        """Keep an index or a tally up to date with this file from now on."""
        with self._guard:
            self._replica.add_view(view)

    @contextmanager
    def reading(self) -> Iterator[Replica]:
        """Hold still what is in memory, brought up to date; the block must not change it."""
        with self._guard:
            self._catch_up()
            yield self._replica

    def change(self, decide: Callable[[Replica], Sequence[Operation]], *, durable: bool = True) -> None:
        """Carry out one transaction: what `decide` returns for the current state; nothing, if that is empty.

        Nobody else changes the file in between. What `decide` raises comes through. Raises
        `StateError` subclasses, and `TypeError` for a document that JSON cannot hold.
        """
        with self._guard, self._writing():
            operations = decide(self._replica)
            if operations:
                self._commit(operations, durable=durable)
                self._compact_if_due()

    def settle(self) -> None:
        """Convert the file now if it is foreign or of an older schema, rather than at the first change."""
        with self._guard:
            self._catch_up()
            position = self._here()
            if position.adopted or position.migrated:
                with self._writing():
                    pass

    def compact(self) -> None:
        """Write everything into `<name>.json` and begin a new journal."""
        with self._guard, self._writing(), translated(self.files.snapshot, "compact the file"):
            self._rotate()

    def checkpoint(self) -> None:
        """Bring `<name>.json` up to date, so that stock TinyDB sees everything; the journal stays."""
        with self._guard, self._writing(), translated(self.files.snapshot, "write the file"):
            if self._here().inode is not None:
                replace_file(self.files.snapshot, *encode_snapshot(self._as_snapshot()))
            self._dirty = False

    def close(self) -> None:
        """Bring `<name>.json` up to date if this object changed anything, and let go of files and memory.

        A full disk is no reason to fail here: the journal has everything. A closed journal opens
        again by itself when it is used.
        """
        with self._guard:
            try:
                if self._dirty:
                    self.checkpoint()
            except StateWriteFailed as error:
                log.warning("not brought up to date, but nothing is lost: %s", error)
            finally:
                self.forget()

    def _catch_up(self) -> None:
        """Take in what others appended. Without the lock, so a compaction may come in between."""
        try:
            if self._position is None or not self._follow(self._position):
                self._reload()
        except OSError as error:
            raise StateError(self.files.snapshot, f"could not be read: {error.strerror or error}") from error

    def _follow(self, position: Position) -> bool:
        """Read on from where we are; False if the file is not the one we know any more."""
        try:
            found = os.stat(self.files.journal)  # noqa: PTH116 - half the cost of Path.stat, in the hottest path
        except FileNotFoundError:
            return position.inode is None and not self.files.snapshot.exists() and not self._replica.seq
        if found.st_ino != position.inode or found.st_size < position.end:
            return False
        if (found.st_size, found.st_mtime_ns) == (position.end, position.mtime):
            return True
        return self._read_on(position, found.st_mtime_ns)

    def _read_on(self, position: Position, mtime: int) -> bool:
        with self.files.journal.open("rb") as file:
            if os.fstat(file.fileno()).st_ino != position.inode:
                return False
            if position.last is not None:
                file.seek(position.last.start)
                if file.read(CRC_DIGITS) != position.last.crc:
                    return False
            file.seek(position.end)
            found = scan(file.read(), position.end, after=self._replica.seq)
        if found.damaged:
            return False
        for frame in found.frames:
            self._replica.apply([self._fitted(operation) for operation in frame.operations], frame.seq)
        position.advance(found.frames[-1] if found.frames else None, found.tail, mtime)
        return True

    def _reload(self) -> None:
        for _ in range(_TRIES):
            try:
                self._take(load(self.files, self._adopt))
            except Inconsistent:
                continue
            return
        with self._lock:
            try:
                self._take(load(self.files, self._adopt))
            except Inconsistent as problem:
                self._restore(problem)

    def _take(self, loaded: Loaded) -> None:
        changed = upgrade(self.files.snapshot, loaded.tables, self._schemas)
        self._replica.load(loaded.tables, loaded.seq)
        self._position = Position(loaded, migrated=bool(changed))
        self._close_appender()

    def _fitted(self, operation: Change) -> Change:
        name, doc_id, document = operation
        if document is None or name not in self._schemas:
            return operation
        return name, doc_id, self._schemas[name].fit(self.files.journal, document)

    def _restore(self, problem: Inconsistent) -> None:
        """Put the last good state in place; raise `StateDamaged` unless told to repair."""
        self.forget()
        self._stamp(problem.partial.tables)
        how = (
            "the last good state was restored" if problem.partial.whole else "what could be read was restored"
        )
        try:
            aside = restore(self.files, problem, self._clock.now())
        except OSError as error:
            message = f"{problem.reason}; it could not be set right: {error}"
            raise StateDamaged(problem.path, message, quarantine=None) from error
        damage = StateDamaged(problem.path, f"{problem.reason}; {how}", quarantine=aside)
        log.error("%s", damage)
        if not self._repair:
            raise damage
        self._take(load(self.files, self._adopt))

    @contextmanager
    def _writing(self) -> Iterator[None]:
        """Hold the lock, with everything of the others taken in and a clean end to append to."""
        with self._lock:
            self._catch_up()
            position = self._here()
            if position.adopted or position.migrated:
                self._convert(position)
            elif position.behind:
                # Going on there would leave a gap in the numbers, which the next reader takes for damage.
                with translated(self.files.journal, "begin a new journal"):
                    self._rotate()
            elif position.tail:
                self._cut(position)
            yield

    def _here(self) -> Position:
        if self._position is None:
            self._reload()
        return self._position or Position(Loaded(), migrated=False)

    def _convert(self, position: Position) -> None:
        """Make a foreign or older file one of ours, the original kept."""
        with translated(self.files.snapshot, "convert the file"):
            if self.files.snapshot.exists():
                reason = "imported" if position.adopted else "migrated"
                backup = self.files.keep_aside(self.files.snapshot, reason, self._clock.now())
                log.warning("%s was converted; the original is %s", self.files.snapshot, backup)
            self._stamp(self._replica.tables)
            self._rotate(keep_previous=False)

    def _cut(self, position: Position) -> None:
        """Cut a torn end; an end with a finished line in it is kept aside, as it may have been more."""
        path = self.files.journal
        with translated(path, "cut the torn end of the file"):
            if b"\n" in position.tail.strip(b"\0"):
                aside = self.files.keep_aside(path, "torn", self._clock.now(), data=position.tail)
                log.warning("the end of %s was torn and is kept as %s", path, aside)
            descriptor = os.open(path, os.O_WRONLY)
            try:
                os.ftruncate(descriptor, position.end)
                sync_file(descriptor)
            finally:
                os.close(descriptor)
        position.advance(None, b"", 0)

    def _commit(self, operations: Sequence[Operation], *, durable: bool) -> None:
        line = encode(self._replica.seq + 1, [*self._history_mark(), *operations])
        position = self._here()
        if position.inode is None or position.end == 0:
            self._begin()
            position = self._here()
        mtime = self._append(position, line, durable=durable)
        for frame in scan(line, position.end).frames:
            self._replica.apply(frame.operations, frame.seq)
            position.advance(frame, b"", mtime)
        self._dirty, self._history_broken = True, False

    def _append(self, position: Position, line: bytes, *, durable: bool) -> int:
        """Write the line and return the file's new time; on failure take back what was written and raise."""
        with translated(self.files.journal, "append to the file"):
            if self._appender is None:
                self._appender = os.open(self.files.journal, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
            try:
                write_all(self._appender, line)
                if durable:
                    sync_file(self._appender, metadata=False)
                return os.fstat(self._appender).st_mtime_ns
            except OSError:
                # After a failed fsync the kernel may have dropped the pages and call the next one a
                # success: the handle is not to be trusted any more, nor is what readers saw of the line.
                self._history_broken = True
                with suppress(OSError):
                    os.ftruncate(self._appender, position.end)
                self.forget()
                raise

    def _begin(self) -> None:
        """Create the journal with its first line, which names sequence number and origin."""
        path = self.files.journal
        with translated(path, "create the file"):
            ensure_folder(path.parent)
            self._stamp(self._replica.tables)
            replace_file(path, header(self._replica.seq, self._replica.tables[META][META_ID]))
        self._reload()

    def _rotate(self, *, keep_previous: bool = True) -> None:
        """Write snapshot and journal anew; raises `OSError`."""
        if not self._replica.tables and not self.files.journal.exists():
            return
        sweep(self.files.snapshot.parent, name=f"{self.files.name}.")
        if META not in self._replica.tables:
            self._stamp(self._replica.tables)
        tables, seq = self._replica.tables, self._replica.seq
        write_generation(self.files, tables, seq, keep_previous=keep_previous)
        self._reload()
        self._dirty = False

    def _compact_if_due(self) -> None:
        position = self._here()
        if position.end < max(self._floor, self._compact_at):
            return
        try:
            size = self.files.snapshot.stat().st_size if self.files.snapshot.exists() else 0
            self._compact_at = max(self._floor, size)
            if position.end >= self._compact_at:
                self._rotate()
        except OSError as error:
            self._compact_at = position.end + self._floor // 4
            log.warning("%s could not be compacted, will try again later: %s", self.files.snapshot, error)

    def _as_snapshot(self) -> Snapshot:
        position, replica = self._here(), self._replica
        return Snapshot(tables=replica.tables, seq=replica.seq, base=position.base, offset=position.end)

    def _stamp(self, tables: Tables) -> None:
        """Give the file a new origin: cursors from before do not fit what comes now."""
        tables[META] = {META_ID: {"version": 1, "origin": secrets.token_hex(6), "boot": boot_id()}}

    def _history_mark(self) -> Sequence[Operation]:
        """Return what tells readers of changes that numbers they saw may be used anew.

        That is so after a failed append, and after the machine went down with entries not synced.
        """
        meta = self._replica.tables.get(META, {}).get(META_ID)
        if meta is None or (meta.get("boot") == boot_id() and not self._history_broken):
            return ()
        mark: Tables = {}
        self._stamp(mark)
        return [(META, META_ID, mark[META][META_ID])]

    def forget(self) -> None:
        """Let go of files and memory as they are; the next use reads anew."""
        self._close_appender()
        self._position = None
        self._replica.load({}, 0)

    def _close_appender(self) -> None:
        if self._appender is not None:
            descriptor, self._appender = self._appender, None
            with suppress(OSError):
                os.close(descriptor)

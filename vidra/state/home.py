"""The data folder: which store lives in which file, opened when first needed."""

from __future__ import annotations

import logging
import threading
from collections import OrderedDict
from pathlib import Path
from typing import TYPE_CHECKING

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import JobNotFound

from .archive import FileArchive
from .atomic import FOLDER_MODE, ensure_folder, sweep, tighten, translated
from .changes import of_jobs, of_side_file
from .database import JournalDB
from .entries import JournalEntryStore
from .facade import JobLock, State
from .feed import JournalFeed
from .filesystem import refuse_network
from .history import Feed
from .interface import Archive, EntryStore, JobStore, LogStore, OptionStore
from .joblock import FileJobLock
from .jobs import JournalJobStore
from .journal import COMPACT_FLOOR, Journal
from .keyed import JournalKeyedStore
from .legacy import PLAYLIST_KEY, ImportReport, JobsImport, entries_import, logs_import, options_import
from .lock import ExclusiveLock
from .logs import JournalLogStore
from .naming import checked_job_id
from .options import JournalOptionStore
from .records import SCHEMAS
from .snapshot import Adopt
from .source_interface import SourceStore
from .sources import KeyedSourceStore, of_sources

if TYPE_CHECKING:
    from vidra.settings import StorageSettings

log = logging.getLogger(__name__)

SOURCES_FILE = "sources.json"
JOBS_FILE, ENTRY_FOLDER, OPTION_FOLDER, LOG_FOLDER, LOCK_FOLDER, ARCHIVE_FILE = (
    "download_state.json",
    "playlist_entries",
    "job_options",
    "job_logs",
    "locks",
    "archive.txt",
)
_SIDE_FLOOR = 256 * 1024  # bytes; the journals of one job's side files are many, so they are kept short
_STRAY_AGE_S = 3600  # a temporary file lives for milliseconds; an hour old, its maker is gone
_OPEN_SIDE_FILES = 128  # kept in memory; further ones are closed, least recently used first


class FileState(State):
    """See `State`. Made by `open_state`."""

    def __init__(
        self, data_dir: Path, *, clock: Clock, log_lines_kept: int, lock_timeout: float, repair: bool
    ) -> None:
        self.data_dir = data_dir
        self._clock, self._lock_timeout, self._repair = clock, lock_timeout, repair
        self._guard = threading.RLock()
        self._side: OrderedDict[tuple[str, str], JournalDB] = OrderedDict()
        self._entries: dict[str, tuple[JournalDB, EntryStore]] = {}
        jobs_import = JobsImport(clock)
        self._jobs_db = self._database(data_dir / JOBS_FILE, COMPACT_FLOOR, jobs_import)
        self._jobs_db.journal.settle()
        self.imported: ImportReport | None = jobs_import.report
        """What was taken over from Vidra 1.x when this was opened; None at every later time."""
        for sentence in self.imported.skipped if self.imported else ():
            log.warning("not imported from Vidra 1.x: %s", sentence)
        self._jobs = JournalJobStore(self._jobs_db)
        self._archive = FileArchive(data_dir / ARCHIVE_FILE, lock_timeout=lock_timeout)
        self._sources: tuple[JournalDB, SourceStore] | None = None
        self._options = JournalOptionStore(
            lambda job_id: self._side_file(OPTION_FOLDER, job_id),
            lambda job_id: self._delete(OPTION_FOLDER, job_id),
            clock=clock,
        )
        self._logs = JournalLogStore(
            lambda job_id: self._side_file(LOG_FOLDER, job_id),
            lambda job_id: self._delete(LOG_FOLDER, job_id),
            clock=clock,
            keep=log_lines_kept,
        )

    @property
    def jobs(self) -> JobStore:
        """The jobs, in `download_state.json`."""
        return self._jobs

    @property
    def options(self) -> OptionStore:
        """The options, in `job_options/<job>.json`."""
        return self._options

    @property
    def logs(self) -> LogStore:
        """The log lines, in `job_logs/<job>.json`."""
        return self._logs

    @property
    def archive(self) -> Archive:
        """The download archive, `archive.txt`."""
        return self._archive

    @property
    def sources(self) -> SourceStore:
        """The sources, in `sources.json`."""
        with self._guard:
            if self._sources is None:
                path = self.data_dir / SOURCES_FILE
                database = self._database(path, _SIDE_FLOOR)
                keyed, files = JournalKeyedStore(database.journal), {"sources": (path, of_sources(path))}
                store = KeyedSourceStore(keyed, path=path, clock=self._clock, feed=lambda: JournalFeed(files))
                self._sources = (database, store)
            return self._sources[1]

    def entries(self, job_id: str) -> EntryStore:
        """Return the job's entries, in `playlist_entries/<job>.json`."""
        with self._guard:
            database = self._side_file(ENTRY_FOLDER, job_id)
            known = self._entries.get(job_id)
            if known is None or known[0] is not database:
                known = self._entries[job_id] = (database, JournalEntryStore(database))
            return known[1]

    def feed(self, job_id: str | None = None) -> Feed:
        """Return the changes of all jobs, or all changes of one."""
        jobs = self.data_dir / JOBS_FILE
        files = {"jobs": (jobs, of_jobs(jobs, job_id))}
        if job_id is not None:
            for folder in (ENTRY_FOLDER, LOG_FOLDER, OPTION_FOLDER):
                path = self._side_path(folder, job_id)
                files[folder] = (path, of_side_file(path, job_id))
        return JournalFeed(files)

    def job_lock(self, job_id: str, *, purpose: str = "work") -> JobLock:
        """Return the job's lock, not yet taken."""
        path = self.data_dir / LOCK_FOLDER / f"{checked_job_id(job_id)}.lock"
        return FileJobLock(path, purpose=purpose, clock=self._clock)

    def database(self, name: str) -> JournalDB:
        """Return a TinyDB on a journal of its own, `<name>.json`; the caller closes it.

        For other rooms' documents; `name` may have one folder, as `library/home`.
        """
        folder, _, last = name.rpartition("/")
        path = self.data_dir / checked_job_id(folder) if folder else self.data_dir
        return self._database(path / f"{checked_job_id(last)}.json", _SIDE_FLOOR)

    def remove_job(self, job_id: str) -> None:
        """Forget the job, then its side files; raise `JobNotFound`."""
        self._jobs.remove(job_id)
        for folder in (ENTRY_FOLDER, OPTION_FOLDER, LOG_FOLDER):
            self._delete(folder, job_id)

    def close(self) -> None:
        """Bring plain files up to date and let go of everything."""
        with self._guard:
            for database in [*self._side.values(), self._jobs_db]:
                database.journal.close()
            if self._sources is not None:
                self._sources[0].journal.close()
            self._side.clear()
            self._entries.clear()

    def _database(self, path: Path, floor: int, adopt: Adopt | None = None) -> JournalDB:
        journal = Journal(
            path,
            clock=self._clock,
            lock_timeout=self._lock_timeout,
            compact_floor=floor,
            schemas=SCHEMAS,
            adopt=adopt,
            repair=self._repair,
        )
        return JournalDB(journal)

    def _side_path(self, folder: str, job_id: str) -> Path:
        return self.data_dir / folder / f"{checked_job_id(job_id)}.json"

    def _side_file(self, folder: str, job_id: str) -> JournalDB:
        key = (folder, job_id)
        with self._guard:
            if key not in self._side:
                path, adopt = self._side_path(folder, job_id), self._adoption(folder, job_id)
                self._side[key] = self._database(path, _SIDE_FLOOR, adopt)
            self._side.move_to_end(key)
            while len(self._side) > _OPEN_SIDE_FILES:
                old, database = self._side.popitem(last=False)
                self._entries.pop(old[1], None)
                database.journal.close()
            return self._side[key]

    def _adoption(self, folder: str, job_id: str) -> Adopt:
        """Return what reads the 1.x file of that kind."""
        if folder == OPTION_FOLDER:
            return options_import
        if folder == LOG_FOLDER:
            return logs_import
        try:
            return entries_import(self._jobs.get(job_id).metadata.get(PLAYLIST_KEY))
        except JobNotFound:
            return entries_import(None)

    def _delete(self, folder: str, job_id: str) -> None:
        path = self._side_path(folder, job_id)
        with self._guard:
            database = self._side.pop((folder, job_id), None) or self._database(path, _SIDE_FLOOR)
            if folder == ENTRY_FOLDER:
                self._entries.pop(job_id, None)
        files = database.journal.files
        if not path.parent.is_dir() or not any(file.exists() for file in files.live):
            return
        with ExclusiveLock(files.lock, timeout=self._lock_timeout), translated(path, "remove the file"):
            database.journal.forget()
            for file in (*(file for file in files.live if file != files.lock), files.lock):
                file.unlink(missing_ok=True)


def open_state(
    data_dir: Path,
    *,
    clock: Clock = SYSTEM_CLOCK,
    log_lines_kept: int = 2000,
    lock_timeout: float = 10.0,
    repair: bool = False,
) -> FileState:
    """Open the data folder, creating it if need be.

    Raises `StateDamaged` once if the jobs were damaged (the last good state is in place then, so
    that opening again works; `repair=True` logs it instead), `StateTooNew`, and `StateError` for a
    folder that cannot be used. Other files are opened, and may be found damaged, when first used.
    """
    refuse_network(data_dir)
    ensure_folder(data_dir)
    sweep(data_dir, untouched_since=clock.now().timestamp() - _STRAY_AGE_S)
    for folder in (ENTRY_FOLDER, OPTION_FOLDER, LOG_FOLDER, LOCK_FOLDER):
        if (data_dir / folder).is_dir():
            tighten(data_dir / folder, FOLDER_MODE)
    return FileState(
        data_dir, clock=clock, log_lines_kept=log_lines_kept, lock_timeout=lock_timeout, repair=repair
    )


def open_configured_state(storage: StorageSettings) -> FileState:
    """Open the data folder the way the owner's `storage` section says. Raises what `open_state` raises."""
    return open_state(
        storage.data_dir, log_lines_kept=storage.log_lines_kept, lock_timeout=storage.lock_timeout
    )

"""One flow run's hold on one job: its lock, its record, its options and its worker threads."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import cached_property
from itertools import takewhile
from pathlib import Path

from prefect.client.schemas.objects import State as FlowState
from prefect.states import Completed, Failed

from tasks.episode_book import StoredBook
from tasks.ledger import Ledger
from tasks.media_sessions import WORTH_IT, Opening, Session, open_remotely
from tasks.politeness import Politeness
from tasks.records import is_playlist, job_metadata, media_entry, playlist_of, stored_entries
from tasks.reporting import JobReporter, RunLogger
from tasks.sessions import SessionPool
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.jobs.leftovers import discard_partials
from vidra.engine.jobs.resolution import resolve_job
from vidra.engine.jobs.selection import due, selected
from vidra.engine.notices.notifying import keep
from vidra.errors import DiskFull, LeftOut, SitePaused, UsageError, VidraError
from vidra.media.episodes import orders_of_the_day
from vidra.media.interface import DownloadedMedia, Listing, LogLevel, Stage, StopSignal
from vidra.media.options import MediaOptions
from vidra.notices import Notice
from vidra.redaction import redact
from vidra.settings import Settings
from vidra.settings.notices import NoticeEvent
from vidra.state import FileState, JobLock
from vidra.state.interface import TERMINAL, DesiredState, Entry, EntryStatus, Job, JobKind, JobStatus

STARTABLE = frozenset(JobStatus) - TERMINAL
"""A run may take up any job that is not over; the job's lock keeps a second run away."""


class JobWork:
    """What the steps of a flow need to work on a job. Made by `open_job`, ended by `close`."""

    def __init__(
        self,
        job: Job,
        *,
        settings: Settings,
        state: FileState,
        lock: JobLock,
        run_logger: RunLogger,
        flow_run_id: str | None,
    ) -> None:
        self.job, self.settings, self.state = job, settings, state
        self._lock = lock
        self.listings: list[Listing] = []
        self._at_work = threading.local()  # which entry a worker thread's log lines are about
        self.reporter = JobReporter(state, job.job_id, run_logger=run_logger)
        self._resolved = resolve_job(job, settings=settings, state=state)
        self.sessions = SessionPool(self._open_session, size=settings.downloads.concurrency)
        self._known_sessions: SessionPool | None = None
        self.ledger = Ledger(job, settings)
        self._book = StoredBook.of(settings.storage.data_dir, lock_timeout=settings.storage.lock_timeout)
        self._is_large = False
        self.politeness = Politeness(
            settings,
            state,
            flow_run_id=flow_run_id,
            say=lambda text: self.reporter.log(LogLevel.WARNING, text),
        )
        self._put_off: list[SitePaused] = []
        self._full = False

    @property
    def job_id(self) -> str:
        """The job's id."""
        return self.job.job_id

    def entries(self) -> Sequence[Entry]:
        """Return the job's entries as they are stored now."""
        return self.state.entries(self.job_id).all()

    def pending_entries(self) -> Sequence[Entry]:
        """Return the entries that this run has to download, in order."""
        # A subscription's entries were looked up when they were planned; what came since is taken over.
        leaves_out = self.job.skip_archived and self.job.subscription is None
        archived = self.state.archive.keys() if leaves_out else frozenset()
        options = self._resolved.options
        todo = [entry for entry in due(self.job, self.entries()) if entry.key not in archived]
        if options.break_on_existing:
            known = self.state.archive.keys()
            todo = list(takewhile(lambda entry: entry.key not in known, todo))
        return todo[: options.max_downloads]

    def has_failed_enough(self) -> bool:
        """Whether so many entries failed that the options want no further one begun."""
        options = self._resolved.options
        limit = 1 if options.stop_on_error else options.skip_after_errors
        return limit is not None and len(self.reporter.tally.failed) >= limit

    def store_listings(self) -> None:
        """Store what the URLs turned out to be: entries in one transaction, then the job's facts."""
        kind = JobKind.PLAYLIST if is_playlist(self.listings) else JobKind.VIDEO
        metadata = {**self.job.metadata, **job_metadata(self.listings)}
        entries = stored_entries(self.listings)
        self.listings.clear()  # thousands of entries are not held twice
        if self.job.selection is not None and not selected(self.job, entries):
            raise UsageError(f"nothing is at the places `{self.job.selection}`: expected 1 to {len(entries)}")
        self.state.entries(self.job_id).put(entries)
        asks = self.job.asks_selection and self.job.selection is None
        self.job = self.state.jobs.update(
            self.job_id,
            kind=kind,
            metadata=metadata,
            total_items=len(entries),
            selection_required=asks and kind is JobKind.PLAYLIST and len(entries) > 1,
        )
        if self.job.selection_required:
            self.reporter.stage(Stage.WAITING_FOR_SELECTION, "Waiting for a selection of entries")

    def begin(self) -> None:
        """Say that the downloads begin."""
        entries = selected(self.job, self.entries())
        self._is_large = len(entries) >= WORTH_IT
        self.reporter.begin(entries)
        self.job = self.state.jobs.transition(self.job_id, JobStatus.RUNNING, allowed_from=STARTABLE)

    def download(self, session: Session, entry: Entry, stop: StopSignal) -> DownloadedMedia:
        """Download one entry on the calling thread. Raises the media room's errors."""
        self._at_work.entry = entry
        try:
            return session.download(
                replace(media_entry(entry), day_order=self._orders.get(entry.key or "")),
                workdir=self._resolved.workdir,
                stop=stop,
                progress=lambda progress: self.reporter.tick(entry, progress),
                playlist=playlist_of(self.job) if self.job.kind is JobKind.PLAYLIST else None,
                existing=Path(entry.main_file) if entry.main_file else None,
                refusal=self.ledger.refusal,
            )
        finally:
            self._at_work.entry = None

    def list(self, session: Session, url: str, stop: StopSignal) -> Listing:
        """Ask what the URL names, on the calling thread. Raises the media room's errors."""
        return session.list(url, stop=stop)

    def sessions_with_cookies(self) -> SessionPool | None:
        """Return sessions that show the owner's cookies, for what is refused without; None: no cookies."""
        if self._known_sessions is None and self._resolved.with_cookies is not None:
            options = self._resolved.with_cookies
            self._known_sessions = SessionPool(
                lambda: self._open_session(options), size=self.settings.downloads.concurrency
            )
        return self._known_sessions

    def take_over(self, entry: Entry) -> bool:
        """Record an entry as done that another list had downloaded meanwhile; return whether it had."""
        if not self.job.skip_archived or entry.key is None or entry.key not in self.state.archive:
            return False
        held = self.ledger.claimed(entry)
        self.reporter.taken_over(
            entry, main_file=held.main_file if held else None, files=held.files if held else ()
        )
        return True

    def item_lock(self, entry: Entry) -> JobLock:
        """Return the lock that keeps two jobs from fetching the same item at the same time.

        There are a thousand for all items, so that their files do not pile up; the lock's purpose is the
        key of the item that it is held for.
        """
        key = entry.key or entry.url
        place = int.from_bytes(hashlib.sha256(key.encode()).digest()[:2]) % 1000
        return self.state.job_lock(f"item-{place:03}", purpose=key)

    def leave_out(self, entry: Entry, reason: LeftOut) -> None:
        """Take an entry out that the rules of its subscription refuse, now that its page is known."""
        self.ledger.left_out(entry, str(reason))
        self.state.entries(self.job_id).update(
            entry.index, status=EntryStatus.REMOVED, error=str(reason), progress=None
        )
        self.reporter.log(LogLevel.INFO, f"Left out: {reason}", entry=entry)

    def record_failure(self, entry: Entry, error: BaseException) -> None:
        """Record why an entry failed."""
        self.reporter.failed(entry, error)
        self.ledger.failed(entry, error)
        self._keep_disk_full(error)

    def record(self, entry: Entry, media: DownloadedMedia) -> None:
        """Record a verified download: the archive first, as it may say more than the job, never less."""
        if self.settings.downloads.write_archive:
            self.state.archive.add_all(filter(None, (media.key, media.entry.archive_key)))
        self.ledger.kept(entry, media)
        self.reporter.completed(entry, media)
        if self.job.crashes:  # it gets somewhere: whatever killed earlier runs, it was not this job
            self.job = self.state.jobs.update(self.job_id, crashes=0)

    def put_off(self, paused: SitePaused, entry: Entry | None = None) -> None:
        """Leave an entry, or the listing, until the site is asked again; the job ends its run paused."""
        self._put_off.append(paused)
        if entry is not None:
            self.reporter.waiting(entry, paused)

    def finish(self) -> None:
        """Record how the job ended, from what its chosen entries say; put off, it has not ended yet."""
        if self._put_off:
            first = min(self._put_off, key=lambda paused: paused.until)
            self._end(JobStatus.PAUSED, f"put off: {first}", resume_at=first.until)
            return
        statuses = [entry.status for entry in selected(self.job, self.entries())]
        failed, completed = statuses.count(EntryStatus.FAILED), statuses.count(EntryStatus.COMPLETED)
        if not failed:
            self._end(JobStatus.COMPLETED, None)
        elif completed:
            self._end(JobStatus.COMPLETED_WITH_ERRORS, f"{failed} of {failed + completed} entries failed")
        else:
            self._end(JobStatus.FAILED, self._why_all_failed(failed))

    def fail(self, error: VidraError) -> None:
        """Record that the job failed as a whole, or that its first site wants to be left alone for now."""
        if isinstance(error, SitePaused) and not self.job.dry_run:
            self.put_off(error)
            self.finish()
            return
        self._keep_disk_full(error)
        text = redact(str(error))
        self.reporter.log(LogLevel.ERROR, text)
        self._end(JobStatus.FAILED, text)

    def interrupt(self) -> None:
        """Record that the run was stopped; what is there is kept, and the job can be resumed."""
        self.sessions.stop("interrupted")
        if self._known_sessions is not None:
            self._known_sessions.stop("interrupted")
        for entry in self.entries():
            if entry.status is EntryStatus.ACTIVE:
                self.state.entries(self.job_id).update(entry.index, status=EntryStatus.PENDING)
        if self.state.jobs.get(self.job_id).desired is DesiredState.CANCEL:
            self._end(JobStatus.CANCELLED, None)
            discard_partials(self.job, settings=self.settings, state=self.state)
            return
        self.reporter.log(LogLevel.WARNING, "Interrupted; partial files are kept and will be resumed")
        self._end(JobStatus.PAUSED, None)

    def finish_plan(self, *, forget: bool) -> None:
        """End a dry run. Whoever stored the job still wants to read it, and removes it; else we do."""
        self._end(JobStatus.COMPLETED, None)
        if forget:
            self.state.remove_job(self.job_id)

    def close(self) -> None:
        """End the threads, release the job and close the state."""
        self.sessions.close()
        if self._known_sessions is not None:
            self._known_sessions.close()
        self.reporter.flush()
        self._book.close()
        self.politeness.close()
        self.ledger.close()
        self._lock.release()
        self.state.close()

    def final_state(self) -> FlowState[None]:
        """Return the Prefect state that says how the job ended; failures are told, not raised."""
        tally = ", ".join(f"{n} {s}" for s, n in self.state.entries(self.job_id).tally().items() if n)
        message = ": ".join(filter(None, (self.job.status.value, self.job.error, tally)))
        return (Failed if self.job.status is JobStatus.FAILED else Completed)(message=message)

    def _why_all_failed(self, failed: int) -> str:
        first = next(entry.error for entry in self.entries() if entry.status is EntryStatus.FAILED)
        return first or "unknown error" if failed == 1 else f"all {failed} entries failed; the first: {first}"

    def _end(self, status: JobStatus, error: str | None, *, resume_at: str | None = None) -> None:
        self.reporter.flush()  # whoever hears of the end finds everything told before
        done = [entry for entry in self.entries() if entry.status is EntryStatus.COMPLETED]
        single = done[0].main_file if self.job.kind is JobKind.VIDEO and done else None
        self.job = self.state.jobs.transition(
            self.job_id,
            status,
            allowed_from=STARTABLE,
            error=error,
            main_file=single,
            crashes=0,
            resume_at=resume_at,
            finished_at=iso(SYSTEM_CLOCK.now()),
        )

    def _keep_disk_full(self, error: BaseException) -> None:
        """Have a full disk told at the end of the run, once."""
        if not isinstance(error, DiskFull) or self._full:
            return
        self._full = True
        name = self.job.subscription
        subject = f"subscription:{name}" if name else f"job:{self.job_id}"
        notice = Notice(
            event=NoticeEvent.DISK_FULL, subject=subject, title="No room for downloads", text=str(error),
            at=SYSTEM_CLOCK.now(),
        )  # fmt: skip
        keep([notice], self.settings)

    def _log(self, level: LogLevel, message: str) -> None:
        """Store what yt-dlp says; a subscription's run log gets what a person should look at."""
        tells_run = self.job.subscription is None or level in {LogLevel.WARNING, LogLevel.ERROR}
        self.reporter.log(level, message, entry=getattr(self._at_work, "entry", None), tells_run=tells_run)

    def _open_session(self, options: MediaOptions | None = None) -> Session:
        opening = Opening.of(self.settings, options or self._resolved.options, self._resolved.network)
        most = self.settings.downloads.processes if self._is_large else 0
        return open_remotely(opening, self._log, most=most) or opening.session(self._book, self._log)

    @cached_property
    def _orders(self) -> Mapping[str, int]:
        """The place of each entry among those of its day."""
        known = ((entry.key or "", entry.extra.get("upload_date")) for entry in self.entries())
        return orders_of_the_day(known)

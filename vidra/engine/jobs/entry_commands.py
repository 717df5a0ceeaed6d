"""What a person may tell the entries of a list: choose them, try failed ones again, take them out."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Final

from vidra.engine.jobs.commands import CommandResult, JobCommands
from vidra.engine.jobs.selection import as_text
from vidra.errors import UsageError
from vidra.state.interface import TERMINAL, Entry, EntryStatus, Job, JobKind, JobStatus

ALL: Final = "all"
LOCKED: Final = "playlist_selection_locked"
JOB_OVER: Final = "job_terminated"
NOT_PLAYLIST: Final = "not_playlist"
NO_ENTRIES: Final = "no_entries"
NOT_FAILED: Final = "entries_not_failed"
REMOVED: Final = "entries_removed"
ALREADY_REMOVED: Final = "entries_already_removed"

_REASONS: Final = {
    NOT_PLAYLIST: "job_is_not_playlist",
    NO_ENTRIES: "playlist_entries_required",
    NOT_FAILED: NOT_FAILED,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryTargets:
    """Which entries are meant: 1-based places, entry ids, or both."""

    indices: Collection[int] = ()
    entry_ids: Collection[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class EntryResult:
    """What became of a command on entries; `done` says whether anything was, or had been, done."""

    job_id: str
    status: str
    done: bool
    reason: str | None = None
    selection: str | None = None
    indices: tuple[int, ...] = ()
    """Entries that were changed."""
    missing_entry_ids: tuple[str, ...] = ()
    invalid_indices: tuple[int, ...] = ()
    job_status: str | None = None
    """The job's new status, where the command changed it."""


class EntryCommands:
    """The commands on a job's entries; each raises `JobNotFound` and `EngineError` subclasses."""

    def __init__(self, commands: JobCommands) -> None:
        self._commands, self._state = commands, commands.state

    async def select(self, job_id: str, indices: Collection[int] | None) -> EntryResult:
        """Choose the entries of a list (None: all) and let the download begin; once.

        Raises `UsageError` when none of the places exists.
        """
        result, job = await asyncio.to_thread(self.choose, job_id, indices)
        if job is None:
            return result
        started = await self._commands.start(job)
        shown = JobStatus.STARTING if started.status is JobStatus.QUEUED else started.status
        return EntryResult(job_id=job_id, status=shown, done=True, selection=result.selection)

    async def retry(self, job_id: str, targets: EntryTargets) -> EntryResult:
        """Download failed entries of a finished list again, and only those."""
        result = await asyncio.to_thread(self._retry, job_id, targets)
        if result.done:
            await self._commands.restart(job_id)
        return result

    async def remove(self, job_id: str, targets: EntryTargets) -> EntryResult:
        """Take entries out of a finished list; their files stay."""
        return await asyncio.to_thread(self._remove, job_id, targets)

    def choose(self, job_id: str, indices: Collection[int] | None) -> tuple[EntryResult, Job | None]:
        """Do the first half of `select`: return the queued job, which nobody was asked to begin.

        None instead of the job when there is nothing to choose any more. Blocks for a disk write.
        """
        job = self._state.jobs.get(job_id)
        if job.status in TERMINAL:
            return EntryResult(job_id=job_id, status=job.status, done=False, reason=JOB_OVER), None
        current = job.selection or ALL
        if not job.selection_required or job.status is not JobStatus.STARTING:
            locked = EntryResult(
                job_id=job_id, status=job.status, done=True, reason=LOCKED, selection=current
            )
            return locked, None
        selection = self._checked(job_id, indices)
        chosen = self._state.jobs.transition(
            job_id,
            JobStatus.QUEUED,
            allowed_from={JobStatus.STARTING},
            selection=selection,
            selection_required=False,
            attempt=job.attempt + 1,
        )
        return EntryResult(job_id=job_id, status=chosen.status, done=True, selection=selection or ALL), chosen

    def _checked(self, job_id: str, indices: Collection[int] | None) -> str | None:
        """Return the selection as text, None for all."""
        if not indices:
            return None
        known = {entry.index for entry in self._state.entries(job_id).all()}
        wanted = known.intersection(indices)
        if not wanted:
            raise UsageError(f"none of the indices exists: expected places from 1 to {len(known)}")
        return None if wanted == known else as_text(wanted)

    def _retry(self, job_id: str, targets: EntryTargets) -> EntryResult:
        job = self._state.jobs.get(job_id)
        entries = self._state.entries(job_id).all()
        refusal = _refusal(job, targets)
        if refusal is not None:
            return refusal
        found = _found(entries, targets)
        failed = [entry for entry in found if entry.status in {EntryStatus.FAILED, EntryStatus.CANCELLED}]
        if not failed or len(failed) < len(found):
            return _refused(job, NOT_FAILED)
        cleared = {"status": EntryStatus.QUEUED, "error": None, "error_at": None, "progress": None}
        self._state.entries(job_id).put(entry.model_copy(update=cleared) for entry in failed)
        places = tuple(entry.index for entry in failed)
        return EntryResult(
            job_id=job_id, status=JobStatus.QUEUED, done=True, selection=as_text(places), indices=places
        )

    def _remove(self, job_id: str, targets: EntryTargets) -> EntryResult:
        job = self._state.jobs.get(job_id)
        refusal = _refusal(job, targets)
        if refusal is not None:
            return refusal
        entries = self._state.entries(job_id).all()
        found = _found(entries, targets)
        fresh = [entry for entry in found if entry.status is not EntryStatus.REMOVED]
        self._state.entries(job_id).put(
            entry.model_copy(update={"status": EntryStatus.REMOVED}) for entry in fresh
        )
        known, ids = {entry.index for entry in entries}, {entry.entry_id for entry in entries}
        return EntryResult(
            job_id=job_id,
            status=REMOVED if fresh else ALREADY_REMOVED,
            done=True,
            indices=tuple(entry.index for entry in fresh),
            missing_entry_ids=tuple(text for text in targets.entry_ids if text not in ids),
            invalid_indices=tuple(index for index in targets.indices if index not in known),
            job_status=self._after_removal(job, fresh),
        )

    def _after_removal(self, job: Job, removed: Sequence[Entry]) -> str | None:
        """Complete a job whose last failure was taken out; return its new status, None if it stays."""
        took_a_failure = any(entry.status is EntryStatus.FAILED for entry in removed)
        left = self._state.entries(job.job_id).tally().get(EntryStatus.FAILED, 0)
        if left or not took_a_failure or job.status is not JobStatus.COMPLETED_WITH_ERRORS:
            return None
        done = self._state.jobs.transition(
            job.job_id, JobStatus.COMPLETED, allowed_from={job.status}, error=None
        )
        return done.status


def _refusal(job: Job, targets: EntryTargets) -> EntryResult | None:
    if job.kind is not JobKind.PLAYLIST:
        return _refused(job, NOT_PLAYLIST)
    if job.status not in TERMINAL:
        return EntryResult(job_id=job.job_id, status=job.status, done=False)
    if not targets.indices and not targets.entry_ids:
        return _refused(job, NO_ENTRIES)
    return None


def _refused(job: Job, status: str) -> EntryResult:
    return EntryResult(job_id=job.job_id, status=status, done=False, reason=_REASONS[status])


def _found(entries: Sequence[Entry], targets: EntryTargets) -> list[Entry]:
    return [e for e in entries if e.index in targets.indices or e.entry_id in targets.entry_ids]


__all__ = ["CommandResult", "EntryCommands", "EntryResult", "EntryTargets"]

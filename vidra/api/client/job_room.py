"""The room of `/ws/jobs/{id}`: everything about one job, in the contract's order."""

from __future__ import annotations

from typing import Any, Final

from vidra.api.client.entry import entry_object, entry_progress
from vidra.api.client.job import error_text, job_detail, job_object, log_line
from vidra.api.client.playlist import playlist_object, playlist_progress
from vidra.api.client.progress import progress_event
from vidra.api.client.reasons import INITIAL, PREVIEW_READY, UPDATED, became_known, reason_of
from vidra.api.client.telling import FLUSH_S, RoomBase, envelope, removal
from vidra.api.client.values import without_nulls
from vidra.api.client.view import JobView
from vidra.api.streams.audience import Audience
from vidra.api.streams.message import Ending, Message
from vidra.clock import Clock
from vidra.errors import JobNotFound
from vidra.state import Batch, Change, ChangeKind, Cursor, State
from vidra.state.interface import TERMINAL, Entry, EntryStatus, Job, JobStatus, LogLine

INTRODUCED_AT_ONCE: Final = 100
"""Entries of a list told in one go; the rest follows with the next tick, so that queues stay short."""
LINES_TOLD: Final = 200
TEXT_TOLD: Final = 20_000
"""Characters of log lines that the update about a job's content carries; more is left to be fetched."""

_ENTRY_REASONS: Final = {
    EntryStatus.ACTIVE: "entry_switched",
    EntryStatus.QUEUED: "reopened",
    EntryStatus.PENDING: "reopened",
    EntryStatus.FAILED: "failure",
}


class JobRoom(RoomBase):
    """Everything about one job. Raises `JobNotFound` when it is made for a job that is not there."""

    def __init__(self, state: State, clock: Clock, audience: Audience, job_id: str) -> None:
        super().__init__(state, clock, audience)
        self._job_id = job_id
        self._entries: dict[int, Entry] = {}
        self._introduced: set[int] = set()
        self._introducing = False
        self._due: set[int] = set()
        self._progress_due = False
        self._flushed = 0.0
        self._last_line = next(iter(state.logs.tail(job_id, limit=1)[1]), None)
        self._view = self._read()
        # Who opens the socket a moment too late still hears what there is to choose from.
        self._late = self._introducing = self._view.job.selection_required

    def welcome(self) -> list[Message]:
        """Return what a new subscriber hears first: where the job stands."""
        job, extra = self._view.job, {"reason": INITIAL, "timestamp": self.now()}
        first = {
            "job_id": job.job_id,
            "status": job.status.value,
            "is_terminal": job.status in TERMINAL,
            "error": error_text(job),
        }
        messages = [envelope("update", without_nulls(first | extra))]
        if self._view.is_list:
            messages.append(envelope("playlist_snapshot", self._snapshot() | extra))
        if progress := progress_event(self._view):
            messages.append(envelope("progress", progress | extra))
        return messages

    def take(self, batch: Batch, before: Cursor) -> None:
        """Tell of what changed, figures held back for the next tick."""
        del before
        if batch.reset:
            self._start_over()
            return
        # Files are read one after the other: a job's end may stand before the last words about its entries.
        for change in sorted(batch.changes, key=_is_an_end):
            self._take(change)

    def tick(self, now: float) -> None:
        """Tell the latest figures, at most four times a second."""
        if now - self._flushed >= FLUSH_S and (self._progress_due or self._due):
            self._flushed = now
            self._flush()
        if self._introducing:
            self._introduce()

    def _take(self, change: Change) -> None:
        if change.kind is ChangeKind.JOB and change.job is not None:
            self._job_changed(change.job)
        elif change.kind is ChangeKind.PROGRESS:
            self._view = self._view.with_changes(progress=change.progress)
            self._progress_due = True
        elif change.kind is ChangeKind.ENTRY and change.entry is not None:
            self._entry_changed(change.entry)
        elif change.kind is ChangeKind.ENTRY_PROGRESS and change.index in self._entries:
            old = self._entries[change.index]
            self._entries[change.index] = old.model_copy(update={"progress": change.progress})
            if change.progress is not None:
                self._due.add(change.index)
        elif change.kind is ChangeKind.LOG and change.line is not None:
            self._tell_line(change.line)
        elif change.kind is ChangeKind.OPTIONS:
            self._view = self._view.with_changes(options_version=self._state.options.load(self._job_id)[0])
        elif change.kind is ChangeKind.REMOVED and change.job is not None:
            self._gone(change.job)

    def _tell_line(self, line: LogLine) -> None:
        self._last_line = line
        self.tell("log", {"job_id": self._job_id, **log_line(line)})

    def _tell_missed_lines(self) -> None:
        """Tell the lines behind the last one that was told; the history had a gap, the store has none."""
        lines = self._state.logs.tail(self._job_id)[1]
        places = [place for place, line in enumerate(lines) if line == self._last_line]
        for line in lines[places[-1] + 1 if places else 0 :]:
            self._tell_line(line)

    def _gone(self, job: Job) -> None:
        self.tell("update", removal(job, self.now()))
        self.audience.end(Ending.GONE)

    def _job_changed(self, job: Job) -> None:
        before = self._view.job
        if job == before:
            return
        if self._progress_due or self._due:
            self._flush(lasting=True)  # figures of before must not arrive after the status they led to
        if job.selection != before.selection or became_known(before, job):
            self._refresh(job)
        else:
            self._view = self._fresh(job)
        reason = reason_of(before, job)
        self._tell_update(reason)
        if became_known(before, job):
            self._tell_content()
        elif job.selection != before.selection or (before.selection_required and not job.selection_required):
            self.tell("playlist_snapshot", self._snapshot())
        if job.status is not before.status and job.status in {JobStatus.RUNNING, *TERMINAL}:
            self._progress_due = True
        if job.selection_required and not before.selection_required:
            self._introducing = True

    def _tell_update(self, reason: str) -> None:
        if reason == PREVIEW_READY:
            version, lines = self._state.logs.tail(self._job_id, limit=LINES_TOLD)
            view = self._view.with_changes(logs_version=version)
            options = self._state.options.load(self._job_id)[1]
            detail = job_detail(view, options, lines)
            if sum(len(line.message) for line in lines) > TEXT_TOLD:
                del detail["logs"]
            if view.is_list:  # the entries are told one by one, and can be fetched
                detail["playlist"] = playlist_object(view)
            self.tell("update", {**detail, "reason": reason})
            return
        self.tell("update", {**job_object(self._view), "reason": reason, "timestamp": self.now()})

    def _tell_content(self) -> None:
        """Tell what the job turned out to be, before anything about its entries."""
        plain = job_object(self._view)
        fields = {
            "job_id": self._job_id,
            "status": plain["status"],
            "kind": plain["kind"],
            "is_playlist": self._view.is_list,
            "selection_required": self._view.job.selection_required,
            "preview": plain.get("preview"),
            "playlist": plain.get("playlist"),
            "playlist_total_items": self._view.tally.listed if self._view.tally else None,
            "timestamp": self.now(),
        }
        self.tell("global_info", without_nulls(fields))
        if self._view.is_list:
            self.tell("playlist_progress", playlist_progress(self._view), key="playlist_progress")
            self.tell("playlist_snapshot", self._snapshot())

    def _introduce(self) -> None:
        """Tell the entries that are to be chosen from, each once, then that this was all."""
        if not self._view.job.selection_required:
            self._introducing = False
            return
        if self._late:
            self._late = False
            self._tell_content()  # entries are ignored by who does not know that they are to be chosen from
        waiting = [entry for index, entry in sorted(self._entries.items()) if index not in self._introduced]
        for entry in waiting[:INTRODUCED_AT_ONCE]:
            self._introduced.add(entry.index)
            payload = {
                "job_id": self._job_id,
                "entry": entry_object(entry),
                "received_count": len(self._introduced),
                "index": entry.index,
                "entry_count": len(self._entries),
                "timestamp": self.now(),
            }
            for event in ("entry_info", "playlist_preview_entry"):
                self.tell(event, payload)
        self._introducing = len(waiting) > INTRODUCED_AT_ONCE
        if waiting and not self._introducing:
            entries = [entry_object(entry) for entry in self._entries.values()]
            ends = {"job_id": self._job_id, "entries": entries, "entry_count": len(entries)}
            self.tell("playlist_snapshot", self._snapshot() | {"timestamp": self.now()})
            self.tell("list_info_ends", ends | {"timestamp": self.now()})

    def _entry_changed(self, entry: Entry) -> None:
        before = self._entries.get(entry.index)
        figures = before.progress if before and entry.status is before.status else None
        entry = entry.model_copy(update={"progress": figures})
        self._entries[entry.index] = entry
        if not self._view.is_list:
            return
        if before is None or before.status is entry.status:
            return  # a new entry is introduced with the list; other facts come with the next snapshot
        self._view = self._view.with_changes(entries=list(self._entries.values()))
        self._due.discard(entry.index)
        reason = _ENTRY_REASONS.get(entry.status, "progress_transition")
        payload = entry_progress(self._view.job, entry, reason=reason, timestamp=self.now())
        self.tell("playlist_entry_progress", payload)
        if entry.status is EntryStatus.REMOVED:
            self.tell("playlist_snapshot", self._snapshot(), key="playlist_snapshot")
        completed = entry.index if entry.status is EntryStatus.COMPLETED else None
        self.tell("playlist_progress", playlist_progress(self._view, completed=completed))

    def _flush(self, *, lasting: bool = False) -> None:
        """Tell the latest figures; `lasting` ones are not replaced by those that follow."""
        if self._progress_due:
            self._progress_due = False
            if payload := progress_event(self._view):
                self.tell("progress", payload, key=None if lasting else "progress")
        for index in sorted(self._due) if self._view.is_list else ():
            entry = self._entries[index]
            payload = entry_progress(self._view.job, entry, reason="entry_progress", timestamp=self.now())
            self.tell("playlist_entry_progress", payload, key=None if lasting else ("entry", index))
        self._due.clear()

    def _snapshot(self) -> dict[str, Any]:
        job = self._view.job
        return {"job_id": job.job_id, "status": job.status.value, "playlist": playlist_object(self._view)}

    def _start_over(self) -> None:
        """Tell where everything stands now: the history has a gap."""
        try:
            self._view = self._read()
        except JobNotFound:
            self._gone(self._view.job)
            return
        self._tell_missed_lines()
        now = {**job_object(self._view), "reason": UPDATED, "timestamp": self.now()}
        for message in (*self.welcome(), envelope("update", now)):
            self.audience.tell(message)

    def _refresh(self, job: Job) -> None:
        self._entries = {entry.index: entry for entry in self._state.entries(self._job_id).all()}
        self._view = self._fresh(job)

    def _fresh(self, job: Job) -> JobView:
        return self._view.with_changes(
            job=job,
            entries=list(self._entries.values()),
            logs_version=self._state.logs.tail(self._job_id, limit=0)[0],
        )

    def _read(self) -> JobView:
        job = self._state.jobs.get(self._job_id)
        self._entries = {entry.index: entry for entry in self._state.entries(self._job_id).all()}
        return JobView(
            job=job,
            progress=self._state.jobs.progress(self._job_id),
            entries=list(self._entries.values()),
            options_version=self._state.options.load(self._job_id)[0],
            logs_version=self._state.logs.tail(self._job_id, limit=0)[0],
        )


def _is_an_end(change: Change) -> bool:
    ended = change.kind is ChangeKind.JOB and change.job is not None and change.job.status in TERMINAL
    return ended or change.kind is ChangeKind.REMOVED

"""The room of `/ws/overview`: updates of all jobs, and the summary over them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from vidra.api.client.job import job_object
from vidra.api.client.reasons import INITIAL, reason_of
from vidra.api.client.summary import summary_of
from vidra.api.client.telling import FLUSH_S, RoomBase, envelope, removal
from vidra.api.client.view import JobView
from vidra.api.streams.audience import Audience
from vidra.api.streams.message import Message
from vidra.clock import Clock
from vidra.state import Batch, ChangeKind, Cursor, State
from vidra.state.interface import Job


class OverviewRoom(RoomBase):
    """Updates of all jobs and the summary over them.

    A job is told as `view` shows it, which is as its own room and the list of jobs show it: clients merge
    what they hear on several connections, in whatever order it comes.
    """

    def __init__(
        self, state: State, clock: Clock, audience: Audience, view: Callable[[Job], JobView]
    ) -> None:
        super().__init__(state, clock, audience)
        self._view = view
        self._jobs: dict[str, Job] = {}
        self._told: dict[str, Any] | None = None
        self._changed = False
        self._flushed = 0.0
        self._read()

    def welcome(self) -> list[Message]:
        """Return what a new subscriber hears first: it makes the client fetch the list."""
        return [envelope("update", {"job_id": None, "reason": INITIAL, "timestamp": self.now()})]

    def take(self, batch: Batch, before: Cursor) -> None:
        """Tell of jobs that changed; figures are the job rooms' matter."""
        del before
        self._changed = True
        if batch.reset:
            self._read()
            for message in self.welcome():
                self.audience.tell(message)
        for change in batch.changes:
            if change.kind is ChangeKind.REMOVED and change.job is not None:
                self._jobs.pop(change.job_id, None)
                self.tell("update", removal(change.job, self.now()))
            elif change.kind is ChangeKind.JOB and change.job is not None:
                self._tell_job(change.job)

    def tick(self, now: float) -> None:
        """Tell the summary when it has changed, at most four times a second."""
        if not self._changed or now - self._flushed < FLUSH_S:
            return
        self._changed = False
        summary = summary_of(Counter(job.status for job in self._jobs.values()))
        if summary != self._told:
            self._told, self._flushed = summary, now
            self.tell("overview", {"summary": summary, "timestamp": self.now()}, key="overview")

    def _tell_job(self, job: Job) -> None:
        reason = reason_of(self._jobs.get(job.job_id), job)
        self._jobs[job.job_id] = job
        told = job_object(self._view(job))
        self.tell("update", {**told, "reason": reason, "timestamp": self.now()})

    def _read(self) -> None:
        self._jobs = {job.job_id: job for job in self._state.jobs.list()}
        self._told = summary_of(Counter(job.status for job in self._jobs.values()))

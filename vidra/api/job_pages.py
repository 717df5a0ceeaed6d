"""All jobs as they are listed: followed rather than read, the form of one that is over made once."""

from __future__ import annotations

import threading
from collections import Counter, OrderedDict
from collections.abc import Mapping, Sequence
from operator import attrgetter
from typing import Final, Protocol

import orjson

from vidra.api.client.job import job_object
from vidra.api.client.view import JobView
from vidra.state import Change, ChangeKind, Cursor, State
from vidra.state.interface import TERMINAL, Job, JobProgress, JobStatus

PAGES_KEPT: Final = 5000
PAGES_A_TURN: Final = 20
"""Pages that are completed between two looks; each takes a quarter of a millisecond."""


class MakeView(Protocol):
    """What is shown of a job; without `versions` less is read."""

    def __call__(self, job: Job, *, versions: bool) -> JobView:
        """Return it. Blocks for the disk."""
        ...


class JobPages:
    """The jobs, their figures and their plain forms. Safe between threads; blocks for the disk.

    Reading a thousand records anew for each list would take longer than everything else about it.
    """

    def __init__(self, state: State, view: MakeView) -> None:
        self._state, self._view = state, view
        self._feed, self._guard = state.feed(), threading.RLock()
        self._at: Cursor | None = None
        self._jobs: dict[str, Job] = {}
        self._figures: dict[str, JobProgress] = {}
        self._sorted: Sequence[Job] | None = None
        self._counts: Mapping[JobStatus, int] | None = None
        self._pages: OrderedDict[str, tuple[Job, JobProgress | None, orjson.Fragment]] = OrderedDict()
        self._without_versions: dict[str, None] = {}

    def jobs(self) -> Sequence[Job]:
        """Return all jobs, oldest first."""
        with self._guard:
            self._follow()
            if self._sorted is None:
                self._sorted = sorted(self._jobs.values(), key=attrgetter("created_at"))
            return self._sorted

    def counts(self) -> Mapping[JobStatus, int]:
        """Return how many jobs have each status."""
        with self._guard:
            self._follow()
            if self._counts is None:
                self._counts = Counter(job.status for job in self._jobs.values())
            return self._counts

    def pages(self, jobs: Sequence[Job]) -> Sequence[orjson.Fragment]:
        """Return the plain forms of jobs that were just returned, as JSON.

        Of jobs that were over before we came the versions follow within seconds: a thousand of them are
        two thousand files. Clients keep what an answer leaves out.
        """
        return [self._page(job) for job in jobs]

    def forget(self, job_id: str) -> None:
        """Make the job's page anew next time: a command has changed its entries."""
        with self._guard:
            self._pages.pop(job_id, None)

    def complete_some(self) -> bool:
        """Make some of the pages again, versions included; return whether any are left."""
        for job_id in list(self._without_versions)[:PAGES_A_TURN]:
            with self._guard:
                self._without_versions.pop(job_id, None)
                known = self._pages.get(job_id)
                if known is not None:
                    self._keep(known[0], known[1], self._made(known[0], versions=True))
        return bool(self._without_versions)

    def _page(self, job: Job) -> orjson.Fragment:
        with self._guard:  # for each: who only wants the counts does not wait for all
            figures = self._figures.get(job.job_id)
            known = self._pages.get(job.job_id)
            if known is not None and known[0] is job and known[1] is figures:
                return known[2]
            over = job.status in TERMINAL
            page = self._made(job, versions=not over)
            if over:
                self._keep(job, figures, page)
                self._without_versions[job.job_id] = None
            return page

    def _made(self, job: Job, *, versions: bool) -> orjson.Fragment:
        return orjson.Fragment(orjson.dumps(job_object(self._view(job, versions=versions))))

    def _keep(self, job: Job, figures: JobProgress | None, page: orjson.Fragment) -> None:
        self._pages[job.job_id] = (job, figures, page)
        while len(self._pages) > PAGES_KEPT:
            self._pages.popitem(last=False)

    def _follow(self) -> None:
        """Take in what has changed; one `stat` when that is nothing."""
        batch = None if self._at is None else self._feed.since(self._at)
        if batch is None or batch.reset:
            self._read(self._feed.now() if batch is None else batch.cursor)
            return
        for change in batch.changes:
            self._take(change)
        self._at = batch.cursor

    def _read(self, cursor: Cursor) -> None:
        """Read everything; what is written meanwhile is heard of again, which does no harm."""
        jobs = {job.job_id: job for job in self._state.jobs.list()}
        figures = {job_id: self._state.jobs.progress(job_id) for job_id in jobs}
        self._jobs, self._sorted, self._counts, self._at = jobs, None, None, cursor
        self._figures = {job_id: known for job_id, known in figures.items() if known is not None}

    def _take(self, change: Change) -> None:
        if change.kind is ChangeKind.PROGRESS and change.progress is not None:
            self._figures[change.job_id] = change.progress
            return
        self._sorted = self._counts = None
        if change.kind is ChangeKind.JOB and change.job is not None:
            self._jobs[change.job_id] = change.job
        elif change.kind is ChangeKind.REMOVED:
            for kept in (self._jobs, self._figures, self._pages):
                kept.pop(change.job_id, None)

"""What the routes work with: one object made of the backend when the application starts."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any, Final

from starlette.types import Scope

from vidra.api.client.view import JobView
from vidra.api.guard import SHOWN_TOKEN
from vidra.api.interface import Backend
from vidra.api.job_pages import JobPages
from vidra.api.metrics import Metrics
from vidra.api.streams.hub import Hub
from vidra.api.streams.message import Ending
from vidra.api.streams.runs import RunWatch
from vidra.api.streams.sending import CUT
from vidra.api.streams.subscriber import Subscriber
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.entry_commands import EntryCommands
from vidra.engine.jobs.submission import submit
from vidra.errors import CredentialError, EngineError, JobNotFound, StateError, UsageError
from vidra.media.request import DownloadRequest
from vidra.redaction import redact
from vidra.state.interface import DesiredState, Job, JobKind, JobStatus

log = logging.getLogger(__name__)

SETTLE_S: Final = 0.5
"""Seconds between two looks whether a wish (pause, cancel) has taken effect."""
PATIENCE: Final = 1.5
"""Seconds a request waits for the engine to take a job; after that it is asked again in the background."""
_WISHED: Final = frozenset({JobStatus.PAUSING, JobStatus.CANCELLING})


class Services:
    """The backend, the hub over its state, and the commands on its jobs."""

    def __init__(self, backend: Backend) -> None:
        self.backend, self.state = backend, backend.state
        self.hub = Hub(backend.state)
        self.runs = RunWatch(backend.engine.run)
        self.metrics = Metrics()
        self.jobs = JobCommands(backend.state, backend.engine, settings=backend.settings, clock=backend.clock)
        self.entries = EntryCommands(self.jobs)
        self._unstarted: set[str] = set()
        self._away: set[str] = set()
        self._open: dict[Subscriber, str] = {}
        self._creating = asyncio.Lock()
        self.pages = JobPages(backend.state, self.view)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Keep the hub moving and wishes settled for as long as the context lasts."""
        tasks = [asyncio.create_task(self.hub.run()), asyncio.create_task(self._settle_for_ever())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def create(
        self,
        request: DownloadRequest,
        *,
        job_id: str | None = None,
        metadata: Mapping[str, Any] | None = None,
        asks_selection: bool = False,
    ) -> Job:
        """Store the job and ask for its run; with a `job_id` that is known, return that job.

        An engine that is away does not lose the job: it stays queued and is asked for again. Raises
        what `submit` raises, and `UsageError` for a known id whose job is about something else.
        """
        async with self._creating:
            known = await asyncio.to_thread(self._known, job_id, request)
            if known is not None:
                return known
            job = await asyncio.to_thread(
                submit,
                request,
                settings=self.backend.settings,
                state=self.state,
                clock=self.backend.clock,
                job_id=job_id,
                metadata=metadata,
                asks_selection=asks_selection,
            )
        self.hub.nudge()
        return await self.start(job)

    async def start(self, job: Job) -> Job:
        """Ask for the run of a queued job; if the engine is away, go on asking in the background."""
        try:
            # Asking twice is harmless: job and attempt name the run.
            async with asyncio.timeout(PATIENCE):
                started = await self.jobs.start(job)
        except (EngineError, TimeoutError) as error:
            if job.job_id not in self._away:
                log.warning("job %s waits for the engine: %s", job.job_id, redact(str(error) or "no answer"))
            self._away.add(job.job_id)
            self._unstarted.add(job.job_id)
            return job
        self._away.discard(job.job_id)
        return started

    def view(self, job: Job, *, deep: bool = False, versions: bool = True) -> JobView:
        """Return what is shown of a job; `deep` also looks at a single item's entry.

        Blocks for the disk when the job's side files are not in memory; without `versions` it reads less.
        """
        wanted = deep or job.kind is JobKind.PLAYLIST
        return JobView(
            job=job,
            progress=self.state.jobs.progress(job.job_id),
            entries=self.state.entries(job.job_id).all() if wanted else None,
            options_version=self.state.options.load(job.job_id)[0] if versions else None,
            logs_version=self.state.logs.tail(job.job_id, limit=0)[0] if versions else None,
        )

    def _known(self, job_id: str | None, request: DownloadRequest) -> Job | None:
        if job_id is None:
            return None
        try:
            job = self.state.jobs.get(job_id)
        except JobNotFound:
            return None
        if job.urls != request.urls or job.preset != request.preset:
            raise UsageError("this idempotency key was used for another request; use a new one")
        return job

    def opened(self, subscriber: Subscriber, scope: Scope) -> None:
        """Remember the token a stream was opened with, and how its connection is cut."""
        self._open[subscriber] = scope[SHOWN_TOKEN]
        cut = scope.get("extensions", {}).get(CUT)
        if cut is not None:
            subscriber.cut_with(cut)

    def closed(self, subscriber: Subscriber) -> None:
        """Forget a stream that is over; count it if it was us who ended it."""
        self._open.pop(subscriber, None)
        subscriber.left()
        if subscriber.ending is not None:
            self.metrics.dropped(subscriber.ending.name.lower())

    def end_streams(self, ending: Ending) -> None:
        """Let every listener go, whatever it listens to."""
        for subscriber in list(self._open):
            subscriber.end(ending)

    def _check_tokens(self) -> None:
        """End the streams of a token that was replaced."""
        token = self.backend.tokens.current()
        for subscriber, shown in list(self._open.items()):
            if shown != token:
                subscriber.end(Ending.TOKEN_CHANGED)

    async def _settle_for_ever(self) -> None:
        while True:
            await asyncio.sleep(SETTLE_S)
            try:
                self._check_tokens()
                await self._settle_once()
                await asyncio.to_thread(self.pages.complete_some)
            except (StateError, CredentialError) as error:
                log.error("jobs cannot be settled: %s", redact(str(error)))  # noqa: TRY400 - the text says it all

    async def _settle_once(self) -> None:
        for job in await asyncio.to_thread(self.state.jobs.list, statuses=_WISHED):
            await asyncio.to_thread(self.jobs.settle, job.job_id)
        for job_id in list(self._unstarted):
            self._unstarted.discard(job_id)
            try:
                job = await asyncio.to_thread(self.state.jobs.get, job_id)
            except JobNotFound:
                continue
            if job.status is JobStatus.QUEUED and job.desired is DesiredState.RUN:
                await self.start(job)

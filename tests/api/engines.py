"""Engines without Prefect: one that only takes note, one that really works on jobs, in threads."""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from tasks.records import is_playlist, job_metadata, media_entry, stored_entries
from tasks.reporting import JobReporter
from vidra.api.interface import FlowInfo, RunInfo, RunLog, RunNotFound, RunState
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.jobs.resolution import resolve_job
from vidra.engine.jobs.selection import due
from vidra.errors import Cancelled, EngineUnreachable, VidraError
from vidra.media.interface import LogLevel, Stage, StopSignal
from vidra.media.request import DownloadRequest
from vidra.media.session import MediaSession
from vidra.settings import Settings
from vidra.state import open_state
from vidra.state.interface import (
    TERMINAL,
    DesiredState,
    EntryStatus,
    Job,
    JobKind,
    JobProgress,
    JobStatus,
)

FLOWS = (
    FlowInfo(
        name="download-job",
        description="Download what the URLs name.",
        parameters={"type": "object", "properties": {"request": DownloadRequest.model_json_schema()}},
    ),
    FlowInfo(
        name="library-sync", parameters={"type": "object", "properties": {}}, schedules=("cron 0 3 * * *",)
    ),
)


class NotingEngine:
    """Takes note of what it is asked for; its runs stay scheduled for ever."""

    def __init__(self) -> None:
        self.known: dict[str, RunInfo] = {}
        self.asked: list[tuple[str, Mapping[str, Any]]] = []
        self.cancelled: list[str] = []
        self.away = False

    async def ready(self) -> bool:
        return not self.away

    async def flows(self) -> Sequence[FlowInfo]:
        return FLOWS

    async def runs(
        self, *, flow: str | None = None, state: RunState | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[RunInfo]:
        found = [
            r for r in reversed(self.known.values()) if flow in {None, r.flow} and state in {None, r.state}
        ]
        return found[offset : offset + limit]

    async def run(self, run_id: str) -> RunInfo:
        if run_id not in self.known:
            raise RunNotFound(run_id)
        return self.known[run_id]

    async def run_logs(self, run_id: str, *, limit: int = 200, offset: int = 0) -> Sequence[RunLog]:
        await self.run(run_id)
        lines = [
            RunLog(timestamp=iso(SYSTEM_CLOCK.now()), level="info", message=f"line {n}") for n in range(3)
        ]
        return lines[offset : offset + limit]

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        if self.away:
            raise EngineUnreachable("the engine is away")
        run_id = f"run-{idempotency_key.replace(':', '-')}"
        if run_id not in self.known:
            self.asked.append((flow, parameters))
            job_id = parameters.get("request", {}).get("job_id")
            self.known[run_id] = RunInfo(
                run_id=run_id, flow=flow, name=f"{flow} {job_id}", state=RunState.SCHEDULED, job_id=job_id
            )
            self.begin(run_id, job_id)
        return run_id

    async def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)
        self.move(run_id, RunState.CANCELLED)

    def move(self, run_id: str, state: RunState) -> None:
        """Give a run another state."""
        if run_id in self.known:
            self.known[run_id] = replace(self.known[run_id], state=state)

    def begin(self, run_id: str, job_id: str | None) -> None:
        """Begin to work; not this one."""


class WorkingEngine(NotingEngine):
    """Works on download jobs in threads of this process, with real media sessions and its own state."""

    def __init__(self, settings: Settings) -> None:
        super().__init__()
        self._settings = settings
        self._stops: dict[str, StopSignal] = {}
        self._threads: list[threading.Thread] = []

    async def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)
        if run_id in self._stops:
            self._stops[run_id].set("asked to stop")
        await asyncio.sleep(0)

    def begin(self, run_id: str, job_id: str | None) -> None:
        """Work on the job in a new thread."""
        if job_id is None:
            return
        self._stops[run_id] = StopSignal()
        thread = threading.Thread(target=self._run, args=(run_id, job_id))
        self._threads.append(thread)
        thread.start()

    def close(self) -> None:
        """Stop every run and wait for it."""
        for stop in self._stops.values():
            stop.set("the test is over")
        for thread in self._threads:
            thread.join(30)

    def _run(self, run_id: str, job_id: str) -> None:
        self.move(run_id, RunState.RUNNING)
        with open_state(self._settings.storage.data_dir) as state, state.job_lock(job_id):
            ended = Worker(state, job_id, self._settings, self._stops[run_id]).work(run_id)
        self.move(run_id, ended)


class Worker:
    """One run of one job, as the flow does it, without Prefect."""

    def __init__(self, state: Any, job_id: str, settings: Settings, stop: StopSignal) -> None:
        self._state, self._job_id, self._settings, self._stop = state, job_id, settings, stop
        self._entries = state.entries(job_id)
        self._reporter = JobReporter(state, job_id, run_logger=logging.getLogger("tests.api.run"))

    def work(self, run_id: str) -> RunState:
        """Do it; return how the run ended."""
        if self._state.jobs.get(self._job_id).desired is not DesiredState.RUN:
            return RunState.CANCELLED
        now = iso(SYSTEM_CLOCK.now())
        job = self._to(JobStatus.STARTING, started_at=now, flow_run_ids=(run_id,))
        try:
            with self._session(job) as session:
                self._download(job, session)
        except Cancelled:
            return self._interrupted()
        except VidraError as error:
            self._reporter.log(LogLevel.ERROR, str(error))
            self._to(JobStatus.FAILED, error=str(error), finished_at=iso(SYSTEM_CLOCK.now()))
            return RunState.FAILED
        return RunState.COMPLETED

    def _download(self, job: Job, session: MediaSession) -> None:
        if not self._entries.all():
            job = self._list(job, session)
        if job.selection_required:
            return
        self._to(JobStatus.RUNNING)
        todo = due(job, self._entries.all())
        self._reporter.begin(self._entries.all())
        for entry in todo:
            self._reporter.started(entry)
            try:
                media = session.download(
                    media_entry(entry),
                    workdir=resolve_job(job, settings=self._settings, state=self._state).workdir,
                    stop=self._stop,
                    progress=partial(self._reporter.tick, entry),
                    existing=Path(entry.main_file) if entry.main_file else None,
                )
            except Cancelled:
                raise
            except VidraError as error:
                self._reporter.failed(entry, error)
            else:
                self._reporter.completed(entry, media)
        self._finish(job)

    def _list(self, job: Job, session: MediaSession) -> Job:
        self._reporter.stage(Stage.IDENTIFYING, "Identifying the content")
        listings = [session.list(url, stop=self._stop) for url in job.urls]
        entries = stored_entries(listings)
        self._entries.put(entries)
        listed = is_playlist(listings)
        asks = job.asks_selection and listed and len(entries) > 1
        job = self._state.jobs.update(
            self._job_id,
            kind=JobKind.PLAYLIST if listed else JobKind.VIDEO,
            metadata={**job.metadata, **job_metadata(listings)},
            total_items=len(entries),
            selection_required=asks,
        )
        if asks:
            waiting = JobProgress(stage=Stage.WAITING_FOR_SELECTION, stage_name=Stage.WAITING_FOR_SELECTION)
            self._state.jobs.set_progress(self._job_id, waiting)
        return job

    def _finish(self, job: Job) -> None:
        tally = self._entries.tally()
        failed, done = tally.get(EntryStatus.FAILED, 0), tally.get(EntryStatus.COMPLETED, 0)
        first = next((e for e in self._entries.all() if e.error), None)
        single = next((e.main_file for e in self._entries.all() if e.main_file), None)
        status = JobStatus.COMPLETED
        if failed:
            status = JobStatus.COMPLETED_WITH_ERRORS if done else JobStatus.FAILED
        self._to(
            status,
            error=first.error if first else None,
            main_file=single if job.kind is JobKind.VIDEO else None,
            finished_at=iso(SYSTEM_CLOCK.now()),
        )

    def _interrupted(self) -> RunState:
        for entry in self._entries.all():
            if entry.status is EntryStatus.ACTIVE:
                self._entries.update(entry.index, status=EntryStatus.PENDING)
        desired = self._state.jobs.get(self._job_id).desired
        status = JobStatus.CANCELLED if desired is DesiredState.CANCEL else JobStatus.PAUSED
        self._to(status, finished_at=iso(SYSTEM_CLOCK.now()))
        return RunState.CANCELLED

    def _to(self, status: JobStatus, **fields: object) -> Job:
        self._reporter.flush()  # as the flow does: whoever hears of it finds everything told before
        allowed = frozenset(JobStatus) - TERMINAL
        job: Job = self._state.jobs.transition(self._job_id, status, allowed_from=allowed, **fields)
        return job

    def _session(self, job: Job) -> MediaSession:
        resolved = resolve_job(job, settings=self._settings, state=self._state)
        return MediaSession(
            options=resolved.options,
            network=resolved.network,
            library=self._settings.downloads.library,
            log=self._reporter.log,
        )

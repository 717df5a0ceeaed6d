"""One run of subscriptions: what they share, and each of them for itself."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from prefect.client.schemas.objects import State as FlowState

from tasks.expansion_outcome import Outcome, final_state
from tasks.list_sessions import ListSessions
from tasks.politeness import Politeness
from tasks.reporting import RunLogger
from tasks.run_settings import run_settings
from tasks.subscription_notices import RunNotices
from tasks.subscription_run import SubscriptionRun, no_plan_document
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.media.interface import Listing
from vidra.media.lists.request import ExpansionRequest
from vidra.settings import Settings, SubscriptionSettings
from vidra.settings.inheritance import subscription
from vidra.state import FileState, open_configured_state
from vidra.state.holdings import Holdings, open_holdings
from vidra.state.interface import TERMINAL, Job, JobStatus
from vidra.state.subscriptions import RunNote, RunResult, SubscriptionBook, open_book

LISTS_AT_ONCE: Final = 8
JOBS_AT_ONCE: Final = 4
"""Jobs worked on side by side; their downloads together are bounded by `downloads.concurrency`."""


class Expansion:
    """What the subscriptions of a run share. Made by `open_expansion`, ended by `close`."""

    def __init__(
        self, request: ExpansionRequest, settings: Settings, state: FileState, *, log: RunLogger, run_id: str
    ) -> None:
        storage = settings.storage
        self.request, self.settings, self.state, self.log, self.run_id = request, settings, state, log, run_id
        self.book: SubscriptionBook = open_book(storage.data_dir, lock_timeout=storage.lock_timeout)
        self.holdings: Holdings = open_holdings(storage.data_dir, lock_timeout=storage.lock_timeout)
        self.notices = RunNotices(settings, silent=request.dry_run)
        self.working = asyncio.Semaphore(JOBS_AT_ONCE)
        self.slots = asyncio.Semaphore(settings.downloads.concurrency)
        self.outcomes: dict[str, Outcome] = {}
        self._politeness = Politeness(settings, state, flow_run_id=run_id, say=log.warning)
        self._sessions = ListSessions(settings, log=log, size=LISTS_AT_ONCE)
        self._listing = asyncio.Semaphore(LISTS_AT_ONCE)
        self._addresses: tuple[int, Mapping[str, str]] = (-1, {})

    async def run(self) -> None:
        """Work on all subscriptions side by side; what fails for one stays its own. Raises `UsageError`."""
        wanted = self._wanted()
        unfinished = self._unfinished()
        async with asyncio.TaskGroup() as group:
            for name, own in wanted.items():
                run = SubscriptionRun(name, own, unfinished[name], self)
                group.create_task(self._alone(name, run))
        await self.notices.tell()

    def final_state(self) -> FlowState[None]:
        """Return the Prefect state that says how it went; failures are told, not raised."""
        return final_state(self.outcomes)

    def close(self) -> None:
        """End the threads and close the books."""
        self._sessions.close()
        self._politeness.close()
        self.holdings.close()
        self.book.close()
        self.state.close()

    async def list_all(self, name: str, own: SubscriptionSettings) -> Sequence[Listing]:
        """Return what the subscription's addresses name, when it is its turn."""
        async with self._listing:
            return await self._sessions.list_all(name, own, self._politeness)

    def addresses(self, archived: int) -> Mapping[str, str]:
        """Return the key of each page in the library, when the archive has so many keys."""
        if self._addresses[0] != archived:
            self._addresses = (archived, self.holdings.addresses())
        return self._addresses[1]

    def _wanted(self) -> Mapping[str, SubscriptionSettings]:
        """Return the subscriptions that the request means, with what they inherit."""
        declared = self.settings.subscriptions
        found = {name: subscription(name, declared) for name in self.request.subscriptions or declared}
        if self.request.subscriptions:
            return found
        return {name: own for name, own in found.items() if own.urls and own.active}

    def _unfinished(self) -> Mapping[str, Sequence[Job]]:
        found: defaultdict[str, list[Job]] = defaultdict(list)
        for job in self.state.jobs.list(statuses=frozenset(JobStatus) - TERMINAL):
            if job.subscription is not None:
                found[job.subscription].append(job)
        return found

    async def _alone(self, name: str, run: SubscriptionRun) -> None:
        """Have the subscription worked on, by us alone, and note how it went."""
        started = SYSTEM_CLOCK.now()
        if self.request.scheduled and self.book.standing(name).paused:
            self.outcomes[name] = Outcome(result=RunResult.SKIPPED, message="paused")
            return
        lock = self.state.job_lock(f"subscription-{name}", purpose=f"flow run {self.run_id}")
        if not lock.try_acquire():
            text = f"being worked on ({lock.holder()})"
            self.outcomes[name] = Outcome(result=RunResult.SKIPPED, message=text)
            return
        self.notices.started(name)
        try:
            outcome = await run.outcome()
        except asyncio.CancelledError:
            self._note(name, started, run.interrupted())
            raise
        finally:
            lock.release()
        self._note(name, started, outcome)

    def _note(self, name: str, started: datetime, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        level = self.log.error if outcome.is_bad else self.log.info
        level("%s: %s", name, outcome)
        if self.request.dry_run:
            if outcome.plan is None:
                self.book.keep_plan(self.run_id, no_plan_document(name, outcome.message))
            return
        last = self.book.standing(name).last_run
        self.notices.ended(
            name,
            error=outcome.error,
            refused=outcome.result is RunResult.REFUSED,
            well=outcome.result is RunResult.OK,
            was_bad=last is not None and last.result in {RunResult.FAILED, RunResult.REFUSED},
            entries=[*outcome.downloaded, *outcome.failed],
        )
        self.book.note(name, self._remembered(started, outcome), held=outcome.held)

    def _remembered(self, started: datetime, outcome: Outcome) -> RunNote:
        plan = outcome.plan
        return RunNote(
            started_at=iso(started),
            finished_at=iso(SYSTEM_CLOCK.now()),
            result=outcome.result,
            message=outcome.message,
            listed=len(plan.items) if plan else 0,
            planned=len(plan.downloads) if plan else 0,
            downloaded=len(outcome.downloaded),
            failed=len(outcome.failed),
            job_id=outcome.job_id,
            flow_run_id=self.run_id,
        )


def open_expansion(request: ExpansionRequest, *, run_logger: RunLogger, flow_run_id: str | None) -> Expansion:
    """Open what a run needs. Raises `ConfigError` and `StateError`."""
    settings = run_settings()
    state = open_configured_state(settings.storage)
    return Expansion(request, settings, state, log=run_logger, run_id=flow_run_id or uuid.uuid4().hex)

"""One run of subscriptions, each of them for itself."""

from __future__ import annotations

import asyncio
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime

from prefect.client.schemas.objects import State as FlowState

from tasks.expansion_outcome import Outcome, final_state
from tasks.expansion_shared import Shared
from tasks.reporting import RunLogger
from tasks.run_settings import run_settings
from tasks.subscription_run import SubscriptionRun, no_plan_document
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.media.lists.request import ExpansionRequest
from vidra.settings import SubscriptionSettings
from vidra.settings.inheritance import subscription
from vidra.state import open_configured_state
from vidra.state.interface import TERMINAL, Job, JobStatus
from vidra.state.subscriptions import RunNote, RunResult


class Expansion:
    """Has each subscription worked on for itself. Made by `open_expansion`, ended by `close`."""

    def __init__(self, shared: Shared) -> None:
        self._shared = shared
        self.outcomes: dict[str, Outcome] = {}

    async def run(self) -> None:
        """Work on all subscriptions side by side; what fails for one stays its own. Raises `UsageError`."""
        wanted = self._wanted()
        unfinished = self._unfinished()
        async with asyncio.TaskGroup() as group:
            for name, own in wanted.items():
                run = SubscriptionRun(name, own, unfinished[name], self._shared)
                group.create_task(self._alone(name, run))
        await self._shared.notices.tell()

    def final_state(self) -> FlowState[None]:
        """Return the Prefect state that says how it went; failures are told, not raised."""
        return final_state(self.outcomes)

    def close(self) -> None:
        """End the threads and close the books."""
        self._shared.close()

    def _wanted(self) -> Mapping[str, SubscriptionSettings]:
        """Return the subscriptions that the request means, with what they inherit."""
        declared = self._shared.settings.subscriptions
        found = {
            name: subscription(name, declared) for name in self._shared.request.subscriptions or declared
        }
        if self._shared.request.subscriptions:
            return found
        return {name: own for name, own in found.items() if own.urls and own.active}

    def _unfinished(self) -> Mapping[str, Sequence[Job]]:
        found: defaultdict[str, list[Job]] = defaultdict(list)
        for job in self._shared.state.jobs.list(statuses=frozenset(JobStatus) - TERMINAL):
            if job.subscription is not None:
                found[job.subscription].append(job)
        return found

    async def _alone(self, name: str, run: SubscriptionRun) -> None:
        """Have the subscription worked on, by us alone, and note how it went."""
        started = SYSTEM_CLOCK.now()
        if self._shared.request.scheduled and self._shared.book.standing(name).paused:
            self.outcomes[name] = Outcome(result=RunResult.SKIPPED, message="paused")
            return
        lock = self._shared.state.job_lock(f"subscription-{name}", purpose=f"flow run {self._shared.run_id}")
        if not lock.try_acquire():
            text = f"being worked on ({lock.holder()})"
            self.outcomes[name] = Outcome(result=RunResult.SKIPPED, message=text)
            return
        self._shared.notices.started(name)
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
        level = self._shared.log.error if outcome.is_bad else self._shared.log.info
        level("%s: %s", name, outcome)
        if self._shared.request.dry_run:
            if outcome.plan is None:
                self._shared.book.keep_plan(self._shared.run_id, no_plan_document(name, outcome.message))
            return
        last = self._shared.book.standing(name).last_run
        self._shared.notices.ended(
            name,
            error=outcome.error,
            refused=outcome.result is RunResult.REFUSED,
            well=outcome.result is RunResult.OK,
            was_bad=last is not None and last.result in {RunResult.FAILED, RunResult.REFUSED},
            entries=[*outcome.downloaded, *outcome.failed],
        )
        self._shared.book.note(name, self._remembered(started, outcome), held=outcome.held)

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
            flow_run_id=self._shared.run_id,
        )


def open_expansion(request: ExpansionRequest, *, run_logger: RunLogger, flow_run_id: str | None) -> Expansion:
    """Open what a run needs. Raises `ConfigError` and `StateError`."""
    settings = run_settings()
    state = open_configured_state(settings.storage)
    return Expansion(Shared(request, settings, state, log=run_logger, run_id=flow_run_id or uuid.uuid4().hex))

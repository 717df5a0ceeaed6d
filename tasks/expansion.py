"""One run of subscriptions: list, plan, guard, download; each subscription for itself."""

from __future__ import annotations

import asyncio
import threading
import uuid
from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final

from prefect.client.schemas.objects import State as FlowState
from prefect.states import Completed, Failed

from tasks.artifacts import publish_expansion
from tasks.downloads import carry_out
from tasks.job_work import open_job
from tasks.list_sessions import ListSessions
from tasks.politeness import Politeness
from tasks.records import job_metadata, stored_entry
from tasks.reporting import RunLogger
from tasks.retention import foresee, let_go
from tasks.subscription_notices import RunNotices
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.jobs.submission import submit
from vidra.errors import JobConflict, SitePaused, UsageError, VidraError
from vidra.media.interface import Listing
from vidra.media.lists.guard import suspicion
from vidra.media.lists.plan import Decision, Known, Plan, make_plan
from vidra.media.lists.request import ExpansionRequest
from vidra.media.lists.rules import Rules
from vidra.media.request import DownloadRequest
from vidra.redaction import redact
from vidra.settings import Settings, SubscriptionSettings, load_settings
from vidra.settings.inheritance import runnable, subscription
from vidra.state import FileState, open_configured_state
from vidra.state.holdings import Holdings, open_holdings
from vidra.state.interface import TERMINAL, DesiredState, EntryStatus, Job, JobKind, JobStatus
from vidra.state.subscriptions import RunNote, SubscriptionBook, open_book

LISTS_AT_ONCE: Final = 8
JOBS_AT_ONCE: Final = 4
"""Jobs worked on side by side; their downloads together are bounded by `downloads.concurrency`."""
JOBS_KEPT: Final = 20
"""Finished jobs that are kept of each subscription."""

OK, PARTIAL, FAILED, REFUSED, PUT_OFF, INTERRUPTED, SKIPPED = (
    "ok", "partial", "failed", "refused", "put_off", "interrupted", "skipped",
)  # fmt: skip
_RESULTS: Final = {
    JobStatus.COMPLETED: OK,
    JobStatus.COMPLETED_WITH_ERRORS: PARTIAL,
    JobStatus.PAUSED: PUT_OFF,
    JobStatus.CANCELLED: INTERRUPTED,
}
_BAD: Final = frozenset({FAILED, REFUSED})


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the run went for one subscription."""

    result: str
    message: str | None = None
    plan: Plan | None = None
    job: Job | None = None
    downloaded: int = 0
    failed: int = 0


class Expansion:
    """What the steps of the flow need. Made by `open_expansion`, ended by `close`."""

    def __init__(
        self, request: ExpansionRequest, settings: Settings, state: FileState, *, log: RunLogger, run_id: str
    ) -> None:
        storage = settings.storage
        self.request, self.settings, self.state, self.log, self.run_id = request, settings, state, log, run_id
        self.book: SubscriptionBook = open_book(storage.data_dir, lock_timeout=storage.lock_timeout)
        self.holdings: Holdings = open_holdings(storage.data_dir, lock_timeout=storage.lock_timeout)
        self.politeness = Politeness(settings, state, flow_run_id=run_id, say=log.warning)
        self.sessions = ListSessions(settings, log=log, size=LISTS_AT_ONCE)
        self.outcomes: dict[str, Outcome] = {}
        self.notices = RunNotices(settings, silent=request.dry_run)
        self._listing, self._working = asyncio.Semaphore(LISTS_AT_ONCE), asyncio.Semaphore(JOBS_AT_ONCE)
        self._slots = asyncio.Semaphore(settings.downloads.concurrency)
        self._addresses: tuple[int, Mapping[str, str]] = (-1, {})
        self._unfinished: defaultdict[str, list[Job]] = defaultdict(list)
        self._guard = threading.Lock()

    def names(self) -> Sequence[str]:
        """Return the subscriptions that the request means, each once. Raises `UsageError`."""
        declared = self.settings.subscriptions
        if not self.request.subscriptions:
            return [name for name in runnable(declared) if subscription(name, declared).active]
        for name in self.request.subscriptions:
            subscription(name, declared)
        return list(dict.fromkeys(self.request.subscriptions))

    async def run(self) -> None:
        """Work on all subscriptions side by side; what fails for one stays its own."""
        for job in self.state.jobs.list(statuses=frozenset(JobStatus) - TERMINAL):
            if job.subscription is not None:
                self._unfinished[job.subscription].append(job)
        async with asyncio.TaskGroup() as group:
            for name in self.names():
                group.create_task(self._alone(name))
        await self.notices.tell()

    def final_state(self) -> FlowState[None]:
        """Return the Prefect state that says how it went; failures are told, not raised."""
        results = [outcome.result for outcome in self.outcomes.values()]
        message = "; ".join(
            f"{name}: {_told(one)}" for name, one in sorted(self.outcomes.items()) if one.result != SKIPPED
        )
        if results and all(result in _BAD for result in results):
            return Failed(message=message)
        partly = any(result in _BAD or result == PARTIAL for result in results)
        name = "CompletedWithErrors" if partly else None
        return Completed(message=message[:1000] or "nothing to do", name=name)

    def close(self) -> None:
        """End the threads and close the books."""
        self.sessions.close()
        self.politeness.close()
        self.holdings.close()
        self.book.close()
        self.state.close()

    async def _alone(self, name: str) -> None:
        started = SYSTEM_CLOCK.now()
        if self.request.scheduled and self.book.standing(name).paused:
            self.outcomes[name] = Outcome(result=SKIPPED, message="paused")
            return
        lock = self.state.job_lock(f"subscription-{name}", purpose=f"flow run {self.run_id}")
        if not lock.try_acquire():
            self.outcomes[name] = Outcome(result=SKIPPED, message=f"being worked on ({lock.holder()})")
            return
        self.notices.started(name)
        try:
            outcome = await self._expand(name)
        except SitePaused as paused:
            outcome = Outcome(result=PUT_OFF, message=redact(str(paused)))
        except asyncio.CancelledError:
            self._note(name, started, Outcome(result=INTERRUPTED))
            raise
        except Exception as error:  # noqa: BLE001 - the outermost edge of a subscription; recorded and told
            text = str(error) if isinstance(error, VidraError) else f"unexpected error: {error!r}"
            outcome = Outcome(result=FAILED, message=redact(text))
        finally:
            lock.release()
        self._note(name, started, outcome)

    async def _expand(self, name: str) -> Outcome:
        own = subscription(name, self.settings.subscriptions)
        if not own.urls:
            raise UsageError(f"subscriptions.{name}: expected `urls`, it is only there to be extended")
        async with self._listing:
            listings = await self.sessions.list_all(name, own, self.politeness)
        plan = self._plan(name, own, listings)
        if self.request.dry_run:
            removals = await foresee(name, self.settings, self.log)
            self.book.keep_plan(self.run_id, {**plan_document(name, plan), "removals": removals})
            await publish_expansion(name, plan)
            return Outcome(result=OK, plan=plan)
        doubt = suspicion(plan, held_before=self.book.standing(name).held)
        if doubt is not None and not self.request.yes:
            remedy = f"If this is right: `vidra subscription run {name} --yes`"
            return Outcome(result=REFUSED, message=f"{doubt} {remedy}", plan=plan)
        self.holdings.claim(name, plan.archived_keys)
        jobs = [job.job_id for job in self._unfinished[name] if job.desired is DesiredState.RUN]
        if plan.downloads:
            jobs.append(self._store_job(name, own, plan, listings))
        done = [await self._work_on(job_id) for job_id in jobs]
        self._prune(name)
        if (gone := await let_go(name, self.settings, self.log)) is not None:
            self.notices.removed(name, [removal.title or removal.key for removal in gone.removals])
        if plan.downloads:
            await publish_expansion(name, plan)
        return self._summed_up(plan, [job for job in done if job is not None])

    def _plan(self, name: str, own: SubscriptionSettings, listings: Sequence[Listing]) -> Plan:
        now = SYSTEM_CLOCK.now()
        rules = Rules(own.rules, today=now.date())
        archived = self.state.archive.keys()
        with self._guard:
            if self._addresses[0] != len(archived):
                self._addresses = (len(archived), self.holdings.addresses())
        known = Known(
            archived=archived,
            addresses=self._addresses[1],
            deleted={key: one.reason for key, one in self.holdings.tombstones().items()},
            under_way=self._under_way(name),
            resting={} if self.request.retry_failed else self._resting(name, now),
            left_out=self.book.left_out(name, rules=rules.digest),
        )
        return make_plan(
            [listing.entries for listing in listings],
            rules=rules,
            order=own.order,
            known=known,
            max_items=self.request.max_items or own.rules.max_items,
        )

    def _under_way(self, name: str) -> Mapping[str, str]:
        over = {EntryStatus.COMPLETED, EntryStatus.FAILED, EntryStatus.REMOVED}
        return {
            entry.key: f"job {job.job_id}"
            for job in self._unfinished[name]
            for entry in self.state.entries(job.job_id).all()
            if entry.key and entry.status not in over
        }

    def _resting(self, name: str, now: datetime) -> Mapping[str, str]:
        moment = iso(now)
        return {
            key: f"failed {one.count}×, again after {one.again_at[:16]}Z: {one.error}"
            for key, one in self.book.setbacks(name).items()
            if one.again_at > moment
        }

    def _store_job(
        self, name: str, own: SubscriptionSettings, plan: Plan, listings: Sequence[Listing]
    ) -> str:
        job_id = uuid.uuid4().hex
        entries = [stored_entry(entry, index) for index, entry in enumerate(plan.downloads, start=1)]
        # Entries first: a job without entries would list for itself, without the rules.
        self.state.entries(job_id).put(entries)
        submit(
            DownloadRequest.model_validate(
                {"urls": own.urls, "creator": f"subscription:{name}", "skip_archived": True}
            ),
            settings=self.settings,
            state=self.state,
            job_id=job_id,
            metadata={**job_metadata(listings), "is_playlist": True, "playlist_entry_count": len(entries)},
            subscription=name,
            facts={"kind": JobKind.PLAYLIST, "total_items": len(entries), "flow_run_ids": (self.run_id,)},
        )
        return job_id

    async def _work_on(self, job_id: str) -> Job | None:
        """Work on a stored job; None if somebody else does, or it is over."""
        async with self._working:
            try:
                work = open_job(
                    DownloadRequest.model_validate({"job_id": job_id}),
                    run_logger=self.log,
                    flow_run_id=self.run_id,
                )
            except JobConflict as conflict:
                self.log.info("%s", conflict)
                return None
            try:
                await carry_out(work, slots=self._slots)
            except VidraError as error:
                work.fail(error)
            except (asyncio.CancelledError, KeyboardInterrupt):
                work.interrupt()
                raise
            finally:
                work.close()
            return work.job

    def _summed_up(self, plan: Plan, jobs: Sequence[Job]) -> Outcome:
        if not jobs:
            return Outcome(result=OK, plan=plan)
        tallies = [self.state.entries(job.job_id).tally() for job in jobs]
        downloaded = sum(tally.get(EntryStatus.COMPLETED, 0) for tally in tallies)
        failed = sum(tally.get(EntryStatus.FAILED, 0) for tally in tallies)
        worst = next((job for job in jobs if job.status is not JobStatus.COMPLETED), jobs[-1])
        result = _RESULTS.get(worst.status, FAILED)
        return Outcome(
            result=PARTIAL if result == FAILED and downloaded else result,
            message=worst.error,
            plan=plan,
            job=worst,
            downloaded=downloaded,
            failed=failed,
        )

    def _prune(self, name: str) -> None:
        """Forget the oldest finished jobs of the subscription."""
        jobs = self.state.jobs.list(statuses=TERMINAL, creator=f"subscription:{name}")
        for job in jobs[:-JOBS_KEPT]:
            self.state.remove_job(job.job_id)

    def _note(self, name: str, started: datetime, outcome: Outcome) -> None:
        self.outcomes[name] = outcome
        level = self.log.error if outcome.result in _BAD else self.log.info
        level("%s: %s", name, _told(outcome))
        if self.request.dry_run:
            return
        last, bad = self.book.standing(name).last_run, outcome.result in {*_BAD, PARTIAL}
        self.notices.ended(
            name,
            error=(outcome.message or outcome.result) if bad else None,
            refused=outcome.result == REFUSED,
            well=outcome.result == OK,
            was_bad=last is not None and last.result in _BAD,
            entries=self.state.entries(outcome.job.job_id).all() if outcome.job else (),
        )
        plan = outcome.plan
        gone_through = plan is not None and outcome.result not in _BAD
        self.book.note(
            name,
            RunNote(
                started_at=iso(started),
                finished_at=iso(SYSTEM_CLOCK.now()),
                result=outcome.result,
                message=outcome.message,
                listed=len(plan.items) if plan else 0,
                planned=len(plan.downloads) if plan else 0,
                downloaded=outcome.downloaded,
                failed=outcome.failed,
                job_id=outcome.job.job_id if outcome.job else None,
                flow_run_id=self.run_id,
            ),
            held=plan.held + outcome.downloaded if plan is not None and gone_through else None,
        )


def open_expansion(request: ExpansionRequest, *, run_logger: RunLogger, flow_run_id: str | None) -> Expansion:
    """Open what a run needs. Raises `ConfigError` and `StateError`."""
    settings = load_settings()
    state = open_configured_state(settings.storage)
    return Expansion(request, settings, state, log=run_logger, run_id=flow_run_id or uuid.uuid4().hex)


def plan_document(name: str, plan: Plan) -> dict[str, Any]:
    """Return a plan as it is kept for whoever asked for it: counts, and every item with its decision."""
    return {
        "subscription": name,
        "counts": {decision.value: plan.counts.get(decision, 0) for decision in Decision},
        "items": [item.to_json() for item in plan.items],
    }


def _told(outcome: Outcome) -> str:
    counts = f", {outcome.downloaded} downloaded" if outcome.job is not None else ""
    return outcome.result + counts + (f" ({outcome.message})" if outcome.message else "")

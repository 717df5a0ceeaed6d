"""One subscription in a run: list, plan, guard, download, let go. Its failures stay its own."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from tasks.artifacts import publish_expansion
from tasks.downloads import carry_out
from tasks.expansion_outcome import JobDone, Outcome, outcome_of
from tasks.expansion_shared import Shared
from tasks.job_opening import open_job
from tasks.job_work import JobWork
from tasks.records import job_metadata, stored_entry
from tasks.retention import foresee, let_go
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.jobs.submission import submit
from vidra.errors import JobConflict, SitePaused, UsageError, VidraError
from vidra.media.interface import Listing
from vidra.media.lists.guard import suspicion
from vidra.media.lists.plan import Decision, Known, Plan, make_plan
from vidra.media.lists.rules import Rules
from vidra.media.request import DownloadRequest
from vidra.redaction import redact
from vidra.settings import SubscriptionSettings
from vidra.state.interface import TERMINAL, DesiredState, EntryStatus, Job, JobKind
from vidra.state.subscriptions import RunResult

JOBS_KEPT: Final = 20
"""Finished jobs that are kept of each subscription."""
_OVER: Final = frozenset({EntryStatus.COMPLETED, EntryStatus.FAILED, EntryStatus.REMOVED})


class SubscriptionRun:
    """What a run does for one subscription; `shared` is what all of them share."""

    def __init__(
        self, name: str, own: SubscriptionSettings, unfinished: Sequence[Job], shared: Shared
    ) -> None:
        self._name, self._own, self._unfinished, self._shared = name, own, unfinished, shared
        self._plan: Plan | None = None
        self._done: list[JobDone] = []

    async def outcome(self) -> Outcome:
        """Do it, and return how it went; only an interruption is raised."""
        try:
            return await self._expand()
        except SitePaused as paused:
            return Outcome(result=RunResult.PUT_OFF, message=redact(str(paused)))
        except Exception as error:  # noqa: BLE001 - the outermost edge of a subscription; recorded and told
            text = str(error) if isinstance(error, VidraError) else f"unexpected error: {error!r}"
            return Outcome(result=RunResult.FAILED, message=redact(text), jobs=tuple(self._done))

    def interrupted(self) -> Outcome:
        """Return how far it got before it was interrupted."""
        return Outcome(result=RunResult.INTERRUPTED, plan=self._plan, jobs=tuple(self._done))

    async def _expand(self) -> Outcome:
        if not self._own.urls:
            raise UsageError(f"subscriptions.{self._name}: expected `urls`, it is only there to be extended")
        listings = await self._shared.list_all(self._name, self._own)
        plan = self._plan = self._planned(listings)
        if self._shared.request.dry_run:
            await self._keep_plan(plan)
            return Outcome(result=RunResult.OK, plan=plan)
        doubt = suspicion(plan, held_before=self._shared.book.standing(self._name).held)
        if doubt is not None and not self._shared.request.yes:
            remedy = f"If this is right: `vidra subscription run {self._name} --yes`"
            return Outcome(result=RunResult.REFUSED, message=f"{doubt} {remedy}", plan=plan)
        self._shared.holdings.claim(self._name, plan.archived_keys)
        await self._carry_out(plan, listings)
        await self._let_go()
        return outcome_of(plan, self._done)

    async def _carry_out(self, plan: Plan, listings: Sequence[Listing]) -> None:
        """Finish what earlier runs began, oldest first, then download what is new."""
        jobs = [job.job_id for job in self._unfinished if job.desired is DesiredState.RUN]
        if plan.downloads:
            jobs.append(self._store_job(plan, listings))
        for job_id in jobs:
            await self._work_on(job_id)
        if jobs:
            self._forget_old_jobs()
        if plan.downloads:
            await publish_expansion(self._name, plan)

    async def _let_go(self) -> None:
        shared = self._shared
        gone = await let_go(self._name, self._own, shared.settings, shared.log)
        if gone is not None:
            shared.notices.removed(self._name, gone)

    async def _keep_plan(self, plan: Plan) -> None:
        shared = self._shared
        removals = await foresee(self._name, self._own, shared.settings, shared.log)
        shared.book.keep_plan(shared.run_id, {**plan_document(self._name, plan), "removals": removals})
        await publish_expansion(self._name, plan)

    def _planned(self, listings: Sequence[Listing]) -> Plan:
        shared, now = self._shared, SYSTEM_CLOCK.now()
        rules = Rules(self._own.rules, today=now.date())
        archived = shared.state.archive.keys()
        known = Known(
            archived=archived,
            addresses=shared.addresses(len(archived)),
            deleted=shared.holdings.buried(),
            under_way=self._under_way(),
            resting={} if shared.request.retry_failed else self._resting(now),
            left_out=shared.book.left_out(self._name, rules=rules.digest),
        )
        return make_plan(
            [listing.entries for listing in listings],
            rules=rules,
            order=self._own.order,
            known=known,
            max_items=shared.request.max_items or self._own.rules.max_items,
        )

    def _under_way(self) -> Mapping[str, str]:
        return {
            entry.key: f"job {job.job_id}"
            for job in self._unfinished
            for entry in self._shared.state.entries(job.job_id).all()
            if entry.key and entry.status not in _OVER
        }

    def _resting(self, now: datetime) -> Mapping[str, str]:
        moment = iso(now)
        return {
            key: f"failed {one.count}×, again after {one.again_at[:16]}Z: {one.error}"
            for key, one in self._shared.book.setbacks(self._name).items()
            if one.again_at > moment
        }

    def _store_job(self, plan: Plan, listings: Sequence[Listing]) -> str:
        shared, job_id = self._shared, uuid.uuid4().hex
        entries = [stored_entry(entry, index) for index, entry in enumerate(plan.downloads, start=1)]
        # Entries first: a job without entries would list for itself, without the rules.
        shared.state.entries(job_id).put(entries)
        submit(
            DownloadRequest.model_validate(
                {"urls": self._own.urls, "creator": self._creator, "skip_archived": True}
            ),
            settings=shared.settings,
            state=shared.state,
            job_id=job_id,
            metadata={**job_metadata(listings), "is_playlist": True, "playlist_entry_count": len(entries)},
            subscription=self._name,
            facts={
                "kind": JobKind.PLAYLIST,
                "total_items": len(entries),
                "flow_run_ids": (shared.run_id,),
            },
        )
        return job_id

    async def _work_on(self, job_id: str) -> None:
        """Work on a stored job, unless somebody else does, or it is over."""
        shared = self._shared
        async with shared.working:
            try:
                work = open_job(
                    DownloadRequest.model_validate({"job_id": job_id}),
                    run_logger=shared.log,
                    flow_run_id=shared.run_id,
                )
            except JobConflict as conflict:
                shared.log.info("%s", conflict)
                return
            try:
                await carry_out(work, slots=shared.slots)
            except VidraError as error:
                work.fail(error)
            except (asyncio.CancelledError, KeyboardInterrupt):
                work.interrupt()
                raise
            finally:
                self._done.append(_what_was_done(work))
                work.close()

    def _forget_old_jobs(self) -> None:
        """Forget the oldest finished jobs of the subscription."""
        jobs = self._shared.state.jobs.list(statuses=TERMINAL, creator=self._creator)
        for job in jobs[:-JOBS_KEPT]:
            self._shared.state.remove_job(job.job_id)

    @property
    def _creator(self) -> str:
        return f"subscription:{self._name}"


def plan_document(name: str, plan: Plan) -> dict[str, Any]:
    """Return a plan as it is kept for whoever asked for it: counts, and every item with its decision."""
    return {
        "subscription": name,
        "counts": {decision.value: plan.counts.get(decision, 0) for decision in Decision},
        "items": [item.to_json() for item in plan.items],
    }


def no_plan_document(name: str, why: str | None) -> dict[str, Any]:
    """Return what is kept instead of a plan that could not be made."""
    return {"subscription": name, "counts": {}, "items": [], "removals": [], "error": why or "unknown error"}


def _what_was_done(work: JobWork) -> JobDone:
    tally, entries = work.reporter.tally, work.entries()
    return JobDone(
        job=work.job,
        downloaded=tuple(entry for entry in entries if entry.index in tally.downloaded),
        failed=tuple(entry for entry in entries if entry.index in tally.failed),
        taken_over=len(tally.taken_over),
    )

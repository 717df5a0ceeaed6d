"""How a run of subscriptions went: for each of them, from what its jobs did, and as a whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from prefect.client.schemas.objects import State as FlowState
from prefect.states import Completed, Failed

from vidra.media.lists.plan import Plan
from vidra.state.interface import Entry, Job, JobStatus
from vidra.state.subscriptions import RunResult

_OF_JOBS: Final = {
    JobStatus.COMPLETED: RunResult.OK,
    JobStatus.COMPLETED_WITH_ERRORS: RunResult.PARTIAL,
    JobStatus.PAUSED: RunResult.PUT_OFF,
    JobStatus.CANCELLED: RunResult.INTERRUPTED,
}
_BAD: Final = frozenset({RunResult.FAILED, RunResult.REFUSED})
_LONGEST: Final = 1000
"""Characters of the run's message; Prefect shows it in tables."""


@dataclass(frozen=True, kw_only=True, slots=True)
class JobDone:
    """What this run did for one job. Entries that an earlier run was done with are not in it."""

    job: Job
    downloaded: tuple[Entry, ...] = ()
    failed: tuple[Entry, ...] = ()
    taken_over: int = 0
    """Entries that another list had downloaded meanwhile."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Outcome:
    """How the run went for one subscription."""

    result: RunResult
    message: str | None = None
    plan: Plan | None = None
    jobs: tuple[JobDone, ...] = ()

    @property
    def is_bad(self) -> bool:
        """Whether nothing came of the subscription in this run."""
        return self.result in _BAD

    @property
    def downloaded(self) -> Sequence[Entry]:
        """Entries that arrived in this run."""
        return [entry for done in self.jobs for entry in done.downloaded]

    @property
    def failed(self) -> Sequence[Entry]:
        """Entries that failed in this run."""
        return [entry for done in self.jobs for entry in done.failed]

    @property
    def held(self) -> int | None:
        """Items of the lists that are dealt with for good now; None if the run did not get that far."""
        if self.plan is None or self.is_bad:
            return None
        return self.plan.held + len(self.downloaded) + sum(done.taken_over for done in self.jobs)

    @property
    def job_id(self) -> str | None:
        """The job that says most about the run: one that did not go well, else the last."""
        return _worst(self.jobs).job.job_id if self.jobs else None

    @property
    def error(self) -> str | None:
        """What there is to complain about; None if all that could be done was done."""
        has_one = self.is_bad or self.result is RunResult.PARTIAL
        return (self.message or self.result.value) if has_one else None

    def __str__(self) -> str:
        """Say it in one line."""
        counts = f", {len(self.downloaded)} downloaded" if self.jobs else ""
        return self.result.value + counts + (f" ({self.message})" if self.message else "")


def outcome_of(plan: Plan, jobs: Sequence[JobDone]) -> Outcome:
    """Return how a subscription fared whose plan was carried out."""
    if not jobs:
        return Outcome(result=RunResult.OK, plan=plan)
    worst = _worst(jobs).job
    result = _OF_JOBS.get(worst.status, RunResult.FAILED)
    some_arrived = any(done.downloaded for done in jobs)
    return Outcome(
        result=RunResult.PARTIAL if result is RunResult.FAILED and some_arrived else result,
        message=worst.error,
        plan=plan,
        jobs=tuple(jobs),
    )


def final_state(outcomes: Mapping[str, Outcome]) -> FlowState[None]:
    """Return the Prefect state that says how the run went; failures are told, not raised."""
    told = (f"{name}: {one}" for name, one in sorted(outcomes.items()) if one.result is not RunResult.SKIPPED)
    message = "; ".join(told)[:_LONGEST]
    if outcomes and all(one.is_bad for one in outcomes.values()):
        return Failed(message=message)
    partly = any(one.error is not None for one in outcomes.values())
    return Completed(message=message or "nothing to do", name="CompletedWithErrors" if partly else None)


def _worst(jobs: Sequence[JobDone]) -> JobDone:
    return next((done for done in jobs if done.job.status is not JobStatus.COMPLETED), jobs[-1])

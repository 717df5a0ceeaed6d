"""Commands on several jobs, each waited for; with an engine, or without one as far as that goes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Final, assert_never

from vidra.engine.jobs.commands import DELETED, JobCommands
from vidra.errors import EngineError, EngineUnreachable, JobNotFound, VidraError
from vidra.state.interface import JobStatus

STOP_LIMIT: Final = 30.0
"""Seconds a job gets to stand still after it was told to."""

_UNSETTLED: Final = frozenset({JobStatus.PAUSING, JobStatus.CANCELLING})


@unique
class Command(StrEnum):
    """What `vidra job` can tell a job."""

    PAUSE = "pause"
    RESUME = "resume"
    CANCEL = "cancel"
    RETRY = "retry"

    @property
    def needs_engine(self) -> bool:
        """Whether somebody has to go on with the job afterwards."""
        return self in {Command.RESUME, Command.RETRY}


@dataclass(frozen=True, kw_only=True, slots=True)
class Steered:
    """What became of one command."""

    job_id: str
    command: Command
    status: str
    """The job's status afterwards, or `deleted` when the command made it go."""
    done: bool
    """Whether the job is now as asked; False also for one that the command does not concern."""
    error: VidraError | None = None


class NoEngine:
    """A `RunStarter` where no engine runs: there is nothing to stop, and nobody to start."""

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:  # noqa: ARG002 - the protocol's
        """Raise `EngineUnreachable`."""
        raise EngineUnreachable(f"no engine runs here that could start {flow} ({idempotency_key})")

    async def cancel(self, run_id: str) -> None:
        """Do nothing: whoever works on the job, it is no engine's run."""


async def steer(
    commands: JobCommands, command: Command, job_id: str, *, alone: bool, within: float = STOP_LIMIT
) -> Steered:
    """Give the command and wait, at most `within` seconds, until it has taken effect. Raises nothing of ours.

    A `VidraError` becomes the `error` of what is returned, so that other jobs get their turn. `alone` says
    that no engine runs: a job that somebody works on is then left as it is.
    """
    try:
        if alone:
            _refuse_held(commands, job_id)
        status, done = await _steered(commands, command, job_id, within)
    except VidraError as error:
        return Steered(
            job_id=job_id, command=command, status=_status(commands, job_id), done=False, error=error
        )
    return Steered(job_id=job_id, command=command, status=status, done=done)


def _refuse_held(commands: JobCommands, job_id: str) -> None:
    lock = commands.state.job_lock(job_id, purpose="look")
    if not lock.try_acquire():
        raise EngineError(
            f"job `{job_id}` is worked on by {lock.holder() or 'another process'}, and no engine runs that "
            "could stop it: press Ctrl-C there, what can be resumed is kept"
        )
    lock.release()


async def _steered(commands: JobCommands, command: Command, job_id: str, within: float) -> tuple[str, bool]:
    match command:
        case Command.PAUSE:
            await commands.pause(job_id)
            return await _standing(commands, job_id, JobStatus.PAUSED, within)
        case Command.CANCEL:
            await commands.cancel(job_id)
            return await _standing(commands, job_id, JobStatus.CANCELLED, within)
        case Command.RESUME:
            await commands.resume(job_id)
            return _status(commands, job_id), True
        case Command.RETRY:
            before = commands.state.jobs.get(job_id).attempt
            await commands.retry(job_id)
            return _status(commands, job_id), commands.state.jobs.get(job_id).attempt > before
        case _:
            assert_never(command)


async def _standing(commands: JobCommands, job_id: str, wanted: JobStatus, within: float) -> tuple[str, bool]:
    job = await commands.settled(job_id, within=within)
    if job is None:
        return DELETED, wanted is JobStatus.CANCELLED
    if job.status in _UNSETTLED:
        holder = commands.state.job_lock(job_id, purpose="look").holder()
        raise EngineError(
            f"job `{job_id}` is still {job.status} after {within:g} s: "
            f"{holder or 'another process'} works on it; it stops as soon as that lets go"
        )
    return job.status, job.status is wanted


def _status(commands: JobCommands, job_id: str) -> str:
    try:
        return commands.state.jobs.get(job_id).status
    except JobNotFound:
        return DELETED

"""What the engine room promises: the stages of a start and what became of a run."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, TypeAlias

from vidra.errors import VidraError


@unique
class EngineStage(StrEnum):
    """What the engine is busy with, in the order in which it happens."""

    STARTING = "starting"
    """The server's process was started."""
    MIGRATING = "migrating"
    """First start, or first start of another Prefect version: the database is being prepared."""
    READY = "ready"
    """The server answers."""
    RUNNING = "running"
    """The flow run exists and its flow has been called."""
    STOPPING = "stopping"
    """The run is over; what is left is handing over its last log lines and ending the server."""


@unique
class Ending(StrEnum):
    """Why a run that is under way should end."""

    CANCEL = "cancel"
    """A person wants it to stop: Prefect shows Cancelled, the cancellation hooks run."""
    END = "end"
    """Its process has to go, the work is still wanted: Prefect shows Crashed, the job is put back."""


@unique
class RunStatus(StrEnum):
    """How a flow run ended."""

    COMPLETED = "completed"
    FAILED = "failed"
    CANCELLED = "cancelled"
    CRASHED = "crashed"


@dataclass(frozen=True, kw_only=True, slots=True)
class EngineStatus:
    """One stage that was reached; `url` is the API's address and `flow_run_id` the run's, once known."""

    stage: EngineStage
    url: str | None = None
    flow_run_id: str | None = None


StatusListener: TypeAlias = Callable[[EngineStatus], None]
"""Called from the engine's threads; it must not block and must not raise."""


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowOutcome:
    """The end of one flow run.

    `error` is set for every status but COMPLETED; its text is fit for a person. `state_name` and
    `message` are Prefect's. `flow_run_id` is None when the run was cancelled before it existed.
    """

    status: RunStatus
    state_name: str
    message: str = ""
    flow_run_id: str | None = None
    result: Any = None
    error: VidraError | None = None


def ignore_status(_status: EngineStatus) -> None:
    """Listen to nothing."""

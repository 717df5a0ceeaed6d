"""What the shim needs of the engine, and the types that cross that line. Knows no Prefect."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum, unique
from typing import Any, Protocol

from vidra.api.failed_tokens import A_MINUTE
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.credentials.server_token import TokenSource
from vidra.engine.jobs.commands import RunStarter
from vidra.errors import VidraError
from vidra.media.interface import Listing
from vidra.settings import Settings
from vidra.state import State


@unique
class RunState(StrEnum):
    """Where a flow run stands, in few words."""

    SCHEDULED = "scheduled"
    PENDING = "pending"
    RUNNING = "running"
    PAUSED = "paused"
    CANCELLING = "cancelling"
    CANCELLED = "cancelled"
    COMPLETED = "completed"
    FAILED = "failed"
    CRASHED = "crashed"


RUN_OVER = frozenset({RunState.CANCELLED, RunState.COMPLETED, RunState.FAILED, RunState.CRASHED})


@dataclass(frozen=True, kw_only=True, slots=True)
class FlowInfo:
    """One flow that can be triggered, as its deployment describes it."""

    name: str
    description: str = ""
    parameters: Mapping[str, Any]
    """JSON Schema of the parameters, as one object."""
    schedules: Sequence[str] = ()
    tags: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """One flow run. Times are ISO-8601 UTC."""

    run_id: str
    flow: str
    name: str
    state: RunState
    message: str = ""
    job_id: str | None = None
    """The job it works on, if it works on one."""
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    tags: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class RunLog:
    """One line of a run's log; the level is a name of the logging module in small letters."""

    timestamp: str
    level: str
    message: str


class RunNotFound(VidraError, LookupError):
    """No flow run has this id."""

    def __init__(self, run_id: str) -> None:
        self.run_id = run_id
        super().__init__(f"no run `{run_id}`")


class FlowNotFound(VidraError, LookupError):
    """No deployment has this name."""

    def __init__(self, flow: str) -> None:
        self.flow = flow
        super().__init__(f"no flow `{flow}`; `GET /api/v1/flows` lists those there are")


class Engine(RunStarter, Protocol):
    """What the shim asks of the engine. Every method raises `EngineError` subclasses when it is away."""

    async def ready(self) -> bool:
        """Whether runs can be triggered now; never raises."""
        ...

    async def flows(self) -> Sequence[FlowInfo]:
        """Return the flows that can be triggered."""
        ...

    async def runs(
        self, *, flow: str | None = None, state: RunState | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[RunInfo]:
        """Return runs, newest first."""
        ...

    async def run(self, run_id: str) -> RunInfo:
        """Return one run; raise `RunNotFound`."""
        ...

    async def run_logs(self, run_id: str, *, limit: int = 200, offset: int = 0) -> Sequence[RunLog]:
        """Return log lines, oldest first; raise `RunNotFound`."""
        ...


class Previewer(Protocol):
    """Looks at what an address names, without downloading it."""

    async def preview(self, url: str, options: Mapping[str, Any]) -> Listing:
        """Return what is there. Raises the media room's errors, `UrlRefused` and `OptionRefused`."""
        ...


def _nothing() -> None:
    """Do nothing."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Backend:
    """Everything the shim stands on."""

    settings: Settings
    state: State
    engine: Engine
    tokens: TokenSource
    previewer: Previewer | None = None
    """None leaves the preview routes out, whatever the settings say."""
    clock: Clock = SYSTEM_CLOCK
    supervised: bool = False
    """Whether the server may be ended with `POST /api/shutdown`."""
    supervisor_token: str | None = None
    """What the supervisor shows for that, and for nothing else; see `vidra.supervisor.interface`."""
    wrong_tokens_a_minute: int = A_MINUTE
    """Wrong tokens an address may show in a minute before it is told to wait."""
    request_stop: Callable[[], None] = _nothing
    """Called once when that was asked for; must return at once."""

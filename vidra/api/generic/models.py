"""The generic face's bodies, as its OpenAPI document describes them."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from vidra.api.interface import RunState


class Flow(BaseModel):
    """A flow that can be triggered."""

    name: str = Field(description="Name of the deployment.")
    description: str = Field(description="What it does.")
    parameters: dict[str, Any] = Field(description="JSON Schema of the parameters, as one object.")
    schedules: list[str] = Field(description="When it runs by itself, for a person.")
    tags: list[str] = Field(description="Tags of its runs.")


class FlowList(BaseModel):
    """All flows."""

    flows: list[Flow]


class RunRequest(BaseModel):
    """What a run is asked for with."""

    model_config = ConfigDict(extra="forbid")

    parameters: dict[str, Any] = Field(
        default_factory=dict, description="Parameters of the flow, as its JSON Schema says."
    )
    idempotency_key: str | None = Field(
        default=None,
        min_length=1,
        max_length=200,
        description="The same key means the same run; the header `Idempotency-Key` says the same.",
    )


class Accepted(BaseModel):
    """A run that was asked for."""

    run_id: str | None = Field(description="Null while the engine is away: the job is stored and waits.")
    flow: str
    job_id: str | None = Field(default=None, description="The job it works on, if it works on one.")


class Run(BaseModel):
    """One flow run."""

    run_id: str
    flow: str
    name: str
    state: RunState
    message: str = ""
    job_id: str | None = None
    created_at: str | None = None
    started_at: str | None = None
    finished_at: str | None = None
    tags: list[str] = []


class RunList(BaseModel):
    """A page of runs, newest first."""

    runs: list[Run]


class LogEntry(BaseModel):
    """One line of a run's log."""

    timestamp: str
    level: str
    message: str


class RunLogs(BaseModel):
    """A page of a run's log, oldest first."""

    run_id: str
    logs: list[LogEntry]


class Problem(BaseModel):
    """What is wrong, as RFC 9457 says it."""

    type: str
    title: str
    status: int
    detail: str | None = None
    errors: Any = Field(default=None, description="Findings by field, where there are several.")
    code: str = Field(description="The type's last part, for programs.")

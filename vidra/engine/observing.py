"""What can be triggered and what runs, as the shim shows it. Imports Prefect when used.

Every function talks to the server that the environment names, and raises `EngineUnreachable` when it
does not answer.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any
from uuid import UUID

from vidra.engine.runs import RunInfo, connected_client, run_info

if TYPE_CHECKING:
    from prefect.client.schemas.responses import DeploymentResponse


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedFlow:
    """A deployment whose flow can be triggered."""

    deployment_id: str
    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the flow's parameters, as one object."""
    schedules: Sequence[str]
    tags: Sequence[str]


def preload() -> None:
    """Import what the other functions need; call it in a thread, so that no request waits for it."""
    for name in ("orchestration", "schemas.filters", "schemas.sorting"):
        importlib.import_module(f"prefect.client.{name}")


async def deployed_flows() -> Sequence[DeployedFlow]:
    """Return every deployment, by name."""
    async with connected_client() as client:
        found = await client.read_deployments(limit=200)
    return sorted((_flow(one) for one in found), key=lambda flow: flow.name)


async def listed_runs(
    *, deployment_id: str | None = None, state_type: str | None = None, limit: int, offset: int
) -> Sequence[tuple[RunInfo, str | None]]:
    """Return runs with the id of their deployment, newest first; `state_type` is Prefect's."""
    async with connected_client() as client:
        from prefect.client.schemas.filters import FlowRunFilter  # noqa: PLC0415 - 1.3 s
        from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415 - the same

        wanted: dict[str, Any] = {}
        if deployment_id is not None:
            wanted["deployment_id"] = {"any_": [deployment_id]}
        if state_type is not None:
            wanted["state"] = {"type": {"any_": [state_type]}}
        runs = await client.read_flow_runs(
            flow_run_filter=FlowRunFilter.model_validate(wanted),
            sort=FlowRunSort.EXPECTED_START_TIME_DESC,
            limit=limit,
            offset=offset,
        )
        return [(run_info(run), str(run.deployment_id or "") or None) for run in runs]


async def found_run(run_id: str) -> tuple[RunInfo, str | None] | None:
    """Return the run with the id of its deployment; None when there is none with this id."""
    async with connected_client() as client:
        from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - 1.3 s

        try:
            run = await client.read_flow_run(UUID(run_id))
        except (ObjectNotFound, ValueError):
            return None
        return run_info(run), str(run.deployment_id or "") or None


async def log_page(run_id: str, *, limit: int, offset: int) -> Sequence[tuple[datetime, int, str]]:
    """Return time, level (as in `logging`) and text of the run's lines, oldest first."""
    async with connected_client() as client:
        from prefect.client.schemas.filters import LogFilter  # noqa: PLC0415 - 1.3 s

        wanted = LogFilter.model_validate({"flow_run_id": {"any_": [run_id]}})
        lines = await client.read_logs(log_filter=wanted, limit=min(limit, 200), offset=offset)
        return [(line.timestamp, line.level, line.message) for line in lines]


def _flow(found: DeploymentResponse) -> DeployedFlow:
    return DeployedFlow(
        deployment_id=str(found.id),
        name=found.name,
        description=found.description or "",
        parameters=dict(found.parameter_openapi_schema or {}),
        schedules=[str(one.schedule) for one in found.schedules if one.active],
        tags=list(found.tags),
    )

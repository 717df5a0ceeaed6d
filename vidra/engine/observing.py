"""What can be triggered and what runs, as the shim shows it. Does without Prefect.

Every function talks to the server that the environment names, and raises `EngineUnreachable` when it
does not answer.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from vidra.engine.http_api import PAGE, HttpApi
from vidra.engine.runs import RunInfo, told_run


@dataclass(frozen=True, kw_only=True, slots=True)
class DeployedFlow:
    """A deployment whose flow can be triggered."""

    deployment_id: str
    name: str
    description: str
    parameters: Mapping[str, Any]
    """JSON Schema of the flow's parameters, as one object."""
    schedules: Sequence[str]
    """When it runs by itself, in words: `cron 0 3 * * * (UTC)`, `every 300 s (UTC)`."""
    tags: Sequence[str]


async def deployed_flows() -> Sequence[DeployedFlow]:
    """Return every deployment, by name."""
    async with HttpApi() as api:
        found = [_flow(one) for one in await api.query_all("/deployments/filter")]
    return sorted(found, key=lambda flow: flow.name)


async def listed_runs(
    *, deployment_id: str | None = None, state_type: str | None = None, limit: int, offset: int
) -> Sequence[tuple[RunInfo, str | None]]:
    """Return runs with the id of their deployment, newest first; `state_type` is Prefect's."""
    wanted: dict[str, Any] = {}
    if deployment_id is not None:
        wanted["deployment_id"] = {"any_": [deployment_id]}
    if state_type is not None:
        wanted["state"] = {"type": {"any_": [state_type]}}
    order = {"sort": "EXPECTED_START_TIME_DESC", "limit": limit, "offset": offset}
    async with HttpApi() as api:
        runs = await api.query("/flow_runs/filter", {"flow_runs": wanted, **order})
    return [(told_run(run), run["deployment_id"]) for run in runs]


async def found_run(run_id: str) -> tuple[RunInfo, str | None] | None:
    """Return the run with the id of its deployment; None when there is none with this id."""
    try:
        path = f"/flow_runs/{UUID(run_id)}"
    except ValueError:
        return None
    async with HttpApi() as api:
        run = await api.get(path)
    return None if run is None else (told_run(run), run["deployment_id"])


async def log_page(run_id: str, *, limit: int, offset: int) -> Sequence[tuple[datetime, int, str]]:
    """Return time, level (as in `logging`) and text of the run's lines, oldest first."""
    order = {"sort": "TIMESTAMP_ASC", "limit": min(limit, PAGE), "offset": offset}
    async with HttpApi() as api:
        lines = await api.query("/logs/filter", {"logs": {"flow_run_id": {"any_": [run_id]}}, **order})
    return [(datetime.fromisoformat(line["timestamp"]), line["level"], line["message"]) for line in lines]


def _flow(found: Mapping[str, Any]) -> DeployedFlow:
    return DeployedFlow(
        deployment_id=found["id"],
        name=found["name"],
        description=found["description"] or "",
        parameters=found["parameter_openapi_schema"] or {},
        schedules=[_when(one["schedule"]) for one in found["schedules"] if one["active"]],
        tags=found["tags"],
    )


def _when(schedule: Mapping[str, Any]) -> str:
    """Return one of Prefect's three kinds of schedule in words."""
    if "interval" in schedule:
        times = f"every {schedule['interval']:g} s"
    else:
        times = f"cron {schedule['cron']}" if "cron" in schedule else f"rrule {schedule['rrule']}"
    return f"{times} ({schedule.get('timezone') or 'UTC'})"

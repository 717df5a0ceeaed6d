"""Trigger, watch and cancel flow runs by deployment name.

`trigger`, `cancel` and `read` do without Prefect; the others import it when used.

Every function talks to the server that the environment names, see `vidra.engine.environment.applied`, and
raises `EngineUnreachable` when it does not answer.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import quote
from uuid import UUID

import anyio
import httpx

from vidra.engine.http_api import HttpApi
from vidra.errors import EngineError, EngineUnreachable

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

WATCH_POLL: Final = 0.5
"""Seconds between two looks at a run that is being watched."""
_DEPLOYMENTS: Final[dict[tuple[str | None, str], str]] = {}
"""Ids of deployments by server and name, as last heard; an id that has gone is asked for anew."""
_FINAL: Final = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})
"""Prefect's `TERMINAL_STATES`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class RunInfo:
    """A flow run as a person sees it."""

    flow_run_id: str
    name: str
    state_type: str
    """Prefect's: SCHEDULED, PENDING, RUNNING, PAUSED, CANCELLING, or one of the final four."""
    state_name: str
    message: str
    final: bool
    tags: tuple[str, ...]
    parameters: Mapping[str, Any]
    expected_start: datetime | None
    started: datetime | None
    ended: datetime | None


async def trigger(
    deployment: str,
    parameters: Mapping[str, Any],
    *,
    idempotency_key: str | None = None,
    tags: Sequence[str] = (),
    name: str | None = None,
) -> RunInfo:
    """Ask for a run now. `deployment` is `flow-name/deployment-name`.

    The same `idempotency_key` (a job's id and attempt) gives the same run however often it is asked for.
    Raises `EngineError` when there is no such deployment.
    """
    wanted = {"parameters": parameters, "tags": tags, "name": name, "idempotency_key": idempotency_key}
    body = {key: value for key, value in wanted.items() if value is not None}
    async with HttpApi() as api:
        known = _DEPLOYMENTS.get(_named(deployment))
        if known is not None:
            run = await _create_run(api, known, body)
            if run is not None:
                return told_run(run)
        run = await _create_run(api, await _deployment_id(api, deployment), body)
        if run is None:
            raise EngineError(f"deployment `{deployment}` was deleted just now")
        return told_run(run)


async def _create_run(api: HttpApi, deployment_id: str, body: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the new run, or the one that has the idempotency key; None when there is no such deployment."""
    path = f"/deployments/{deployment_id}/create_flow_run"
    return await api.post(path, body, repeatable="idempotency_key" in body)


async def _deployment_id(api: HttpApi, deployment: str) -> str:
    found, _ = await asyncio.gather(api.get(f"/deployments/name/{quote(deployment)}"), api.prepare())
    if found is None:
        _DEPLOYMENTS.pop(_named(deployment), None)
        raise EngineError(f"no deployment `{deployment}`; `vidra deploy` makes those there are")
    known: str = found["id"]
    _DEPLOYMENTS[_named(deployment)] = known
    return known


def _named(deployment: str) -> tuple[str | None, str]:
    return os.environ.get("PREFECT_API_URL"), deployment


async def cancel(flow_run_id: str) -> RunInfo:
    """Ask for the end of a run; a run that is over stays as it is. Does not wait for the end."""
    wanted = {"state": {"type": "CANCELLING", "name": "Cancelling"}}
    async with HttpApi() as api:
        run = await _record(api, flow_run_id)
        if not run.final:
            await api.post(f"/flow_runs/{flow_run_id}/set_state", wanted, repeatable=True)
        return await _record(api, flow_run_id)


async def read(flow_run_id: str) -> RunInfo:
    """Return a run as it is now. Raises `EngineError` when there is none with this id."""
    async with HttpApi() as api:
        return await _record(api, flow_run_id)


async def deployment_of(flow_run_id: str) -> str | None:
    """Return the name of the deployment that a run is of; None for a run of none."""
    async with HttpApi() as api:
        run = await api.get(f"/flow_runs/{flow_run_id}")
        if run is None or run["deployment_id"] is None:
            return None
        deployment = await api.get(f"/deployments/{run['deployment_id']}")
        return None if deployment is None else str(deployment["name"])


async def recent(*, limit: int = 20) -> Sequence[RunInfo]:
    """Return the newest runs first; runs that a schedule has only planned are left out."""
    async with connected_client() as client:
        from prefect.client.schemas.filters import FlowRunFilter  # noqa: PLC0415 - 1.3 s
        from prefect.client.schemas.sorting import FlowRunSort  # noqa: PLC0415 - the same

        wanted = FlowRunFilter.model_validate({"state": {"type": {"not_any_": ["SCHEDULED"]}}})
        runs = await client.read_flow_runs(
            flow_run_filter=wanted, limit=limit, sort=FlowRunSort.EXPECTED_START_TIME_DESC
        )
        return [run_info(run) for run in runs]


async def watch(flow_run_id: str) -> AsyncIterator[RunInfo]:
    """Yield the run now and at each change of its state; the last one yielded is final."""
    async with connected_client() as client:
        seen = None
        while True:
            info = run_info(await _read(client, flow_run_id))
            if (info.state_type, info.state_name) != seen:
                seen = (info.state_type, info.state_name)
                yield info
            if info.final:
                return
            await anyio.sleep(WATCH_POLL)


async def log_lines(
    flow_run_id: str, *, after: datetime | None = None
) -> Sequence[tuple[datetime, int, str]]:
    """Return time, level (as in `logging`) and text of each line of the run, oldest first."""
    async with connected_client() as client:
        from prefect.client.schemas.filters import LogFilter  # noqa: PLC0415 - 1.3 s

        wanted: dict[str, Any] = {"flow_run_id": {"any_": [flow_run_id]}}
        if after is not None:
            wanted["timestamp"] = {"after_": after}
        lines = await client.read_logs(log_filter=LogFilter.model_validate(wanted))
        return sorted((line.timestamp, line.level, line.message) for line in lines)


@asynccontextmanager
async def connected_client() -> AsyncIterator[PrefectClient]:
    """Yield a client of the server the environment names; its silence becomes `EngineUnreachable`."""
    from prefect.client.orchestration import get_client  # noqa: PLC0415 - 1.3 s

    try:
        async with get_client() as client:
            yield client
    except (httpx.TransportError, ValueError) as error:
        raise EngineUnreachable(f"the Prefect server does not answer: {error}") from error
    except httpx.HTTPStatusError as error:
        if error.response.status_code < 500:
            raise
        raise EngineUnreachable(f"the Prefect server has trouble: {error}") from error


async def _read(client: PrefectClient, flow_run_id: str) -> FlowRun:
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - 1.3 s

    try:
        return await client.read_flow_run(UUID(flow_run_id))
    except (ObjectNotFound, ValueError) as error:
        raise _unknown(flow_run_id) from error


async def _record(api: HttpApi, flow_run_id: str) -> RunInfo:
    try:
        run = await api.get(f"/flow_runs/{UUID(flow_run_id)}")
    except ValueError:
        run = None
    if run is None:
        raise _unknown(flow_run_id)
    return told_run(run)


def _unknown(flow_run_id: str) -> EngineError:
    return EngineError(f"no flow run `{flow_run_id}`; `vidra flow runs` lists those there are")


def told_run(run: Mapping[str, Any]) -> RunInfo:
    """Return what a person sees of a run as the API tells it."""
    state = run["state"] or {"type": "PENDING", "name": "Pending", "message": None}
    return RunInfo(
        flow_run_id=run["id"],
        name=run["name"],
        state_type=state["type"],
        state_name=state["name"] or state["type"].title(),
        message=state["message"] or "",
        final=state["type"] in _FINAL,
        tags=tuple(run["tags"]),
        parameters=run["parameters"],
        expected_start=_time(run["expected_start_time"]),
        started=_time(run["start_time"]),
        ended=_time(run["end_time"]),
    )


def _time(text: str | None) -> datetime | None:
    return None if text is None else datetime.fromisoformat(text)


def run_info(run: FlowRun) -> RunInfo:
    """Return what a person sees of Prefect's record."""
    state = run.state
    return RunInfo(
        flow_run_id=str(run.id),
        name=run.name,
        state_type="PENDING" if state is None else state.type.value,
        state_name="Pending" if state is None else state.name or state.type.value.title(),
        message="" if state is None else state.message or "",
        final=state is not None and state.is_final(),
        tags=tuple(run.tags),
        parameters=run.parameters,
        expected_start=run.expected_start_time,
        started=run.start_time,
        ended=run.end_time,
    )

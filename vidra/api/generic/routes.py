"""`/api/v1`: flows and runs."""

from __future__ import annotations

import asyncio
import hashlib
import uuid
from dataclasses import asdict
from typing import Annotated, Any, Final

from fastapi import APIRouter, Header, Path, Query

from vidra.api.context import Context
from vidra.api.generic.models import (
    Accepted,
    Flow,
    FlowList,
    LogEntry,
    Problem,
    Run,
    RunList,
    RunLogs,
    RunRequest,
)
from vidra.api.generic.parameters import check_parameters
from vidra.api.interface import FlowInfo, FlowNotFound, RunInfo, RunState
from vidra.api.refusals import GENERIC, PROBLEM
from vidra.api.services import Services
from vidra.engine.jobs.commands import FLOW
from vidra.errors import UsageError
from vidra.media.request import DownloadRequest
from vidra.state.interface import Job

_STATUSES: Final = (400, 401, 403, 404, 405, 408, 409, 413, 415, 422, 503)
PROBLEMS: Final[dict[int | str, dict[str, Any]]] = {
    status: {"model": Problem, "description": "A problem.", "content": {PROBLEM: {}}} for status in _STATUSES
}
router = APIRouter(prefix=GENERIC, responses=PROBLEMS)

Name = Annotated[str, Path(max_length=200, description="Name of the flow.")]
RunId = Annotated[str, Path(max_length=200, description="Id of the run.")]
Limit = Annotated[int, Query(ge=1, le=200, description="How many at most.")]
Offset = Annotated[int, Query(ge=0, le=1_000_000, description="How many to leave out first.")]


@router.get("/flows", tags=["flows"])
async def list_flows(services: Context) -> FlowList:
    """List the flows that can be triggered."""
    return FlowList(flows=[_flow(info) for info in await services.backend.engine.flows()])


@router.get("/flows/{name}", tags=["flows"])
async def show_flow(name: Name, services: Context) -> Flow:
    """Show one flow with the schema of its parameters."""
    return _flow(await _find(services, name))


@router.post("/flows/{name}/runs", status_code=202, tags=["runs"])
async def trigger(
    name: Name,
    asked: RunRequest,
    services: Context,
    idempotency_key: Annotated[str | None, Header(min_length=1, max_length=200)] = None,
) -> Accepted:
    """Ask for a run of the flow. A download becomes a job first, which no engine trouble can lose."""
    key = idempotency_key or asked.idempotency_key
    if name == FLOW:
        job = await _download(services, asked.parameters, key)
        return Accepted(
            run_id=job.flow_run_ids[-1] if job.flow_run_ids else None, flow=FLOW, job_id=job.job_id
        )
    check_parameters(asked.parameters, (await _find(services, name)).parameters)
    run_id = await services.backend.engine.trigger(
        name, asked.parameters, idempotency_key=key or uuid.uuid4().hex
    )
    return Accepted(run_id=run_id, flow=name)


@router.get("/runs", tags=["runs"])
async def list_runs(
    services: Context,
    flow: Annotated[str | None, Query(max_length=200, description="Only runs of this flow.")] = None,
    state: Annotated[RunState | None, Query(description="Only runs in this state.")] = None,
    limit: Limit = 50,
    offset: Offset = 0,
) -> RunList:
    """List runs, newest first."""
    found = await services.backend.engine.runs(flow=flow, state=state, limit=limit, offset=offset)
    return RunList(runs=[_run(info) for info in found])


@router.get("/runs/{run_id}", tags=["runs"])
async def show_run(run_id: RunId, services: Context) -> Run:
    """Show one run."""
    return _run(await services.backend.engine.run(run_id))


@router.post("/runs/{run_id}/cancel", status_code=202, tags=["runs"])
async def cancel_run(run_id: RunId, services: Context) -> Run:
    """Ask a run to stop; harmless for one that is over. The job of a run is cancelled with it."""
    info = await services.backend.engine.run(run_id)
    if info.job_id is not None:
        await services.jobs.cancel(info.job_id)
        services.hub.nudge()
    else:
        await services.backend.engine.cancel(run_id)
    return _run(await services.backend.engine.run(run_id))


@router.get("/runs/{run_id}/logs", tags=["runs"])
async def show_run_logs(run_id: RunId, services: Context, limit: Limit = 200, offset: Offset = 0) -> RunLogs:
    """Show a page of the run's log, oldest first."""
    lines = await services.backend.engine.run_logs(run_id, limit=limit, offset=offset)
    return RunLogs(run_id=run_id, logs=[LogEntry(**asdict(line)) for line in lines])


async def _find(services: Services, name: str) -> FlowInfo:
    for info in await services.backend.engine.flows():
        if info.name == name:
            return info
    raise FlowNotFound(name[:200])


async def _download(services: Services, parameters: dict[str, Any], key: str | None) -> Job:
    if set(parameters) != {"request"} or not isinstance(parameters["request"], dict):
        raise UsageError('parameters: expected {"request": {"urls": […], …}}')
    request = DownloadRequest.model_validate(parameters["request"])
    if request.job_id is not None:
        job = await asyncio.to_thread(services.state.jobs.get, request.job_id)
        return await services.jobs.restart(job.job_id)
    if request.dry_run:
        raise UsageError("parameters.request.dry_run: use `vidra flow run download-job --dry-run`")
    job_id = None if key is None else hashlib.sha256(f"{FLOW} {key}".encode()).hexdigest()[:32]
    job = await services.create(request, job_id=job_id)
    return await asyncio.to_thread(services.state.jobs.get, job.job_id)


def _flow(info: FlowInfo) -> Flow:
    return Flow(
        name=info.name,
        description=info.description,
        parameters=dict(info.parameters),
        schedules=list(info.schedules),
        tags=list(info.tags),
    )


def _run(info: RunInfo) -> Run:
    return Run(**asdict(info))

"""`/api/jobs`: create, list, look at and command jobs (contract, sections 2.2 and 2.3)."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Awaitable
from typing import Any

from fastapi import APIRouter, Request, Response

from vidra.api.answers import BadBody, json_reply
from vidra.api.client.job import job_detail, short_job
from vidra.api.client.requests import job_ids_of, metadata_of, options_of, owner_of, read_object, urls_of
from vidra.api.client.summary import summary_of
from vidra.api.client.values import without_nulls
from vidra.api.context import Context
from vidra.api.services import Services
from vidra.engine.jobs.commands import CommandResult
from vidra.errors import JobConflict, JobNotFound
from vidra.media.request import DownloadRequest
from vidra.state.interface import ACTIVE, Job, JobStatus

router = APIRouter(prefix="/api/jobs", tags=["client"])

DETAIL_LOG_LINES = 200
"""Log lines that a job's detail carries; the rest is fetched by itself."""
_CANCELLABLE = ACTIVE | {JobStatus.QUEUED, JobStatus.PAUSED, JobStatus.FAILED}


@router.post("", status_code=201)
async def create_job(request: Request, services: Context) -> Response:
    """Store a download job and ask for its run."""
    body = await read_object(request)
    asked = {"urls": urls_of(body), "options": options_of(body), "creator": owner_of(body)}
    download = DownloadRequest.model_validate(asked)
    options = {name.lower() for name in download.options}
    asks = not download.options.get("playlist_items") and "playlistitems" not in options
    job = await services.create(download, metadata=metadata_of(body), asks_selection=asks)
    return json_reply(short_job(services.view(job)), 201)


@router.get("")
async def list_jobs(request: Request, services: Context) -> Response:
    """List jobs, oldest first, with the summary over all."""
    query = request.query_params
    listed = await asyncio.to_thread(_listing, services, query.get("status"), query.get("owner"))
    return json_reply(listed)


@router.post("/cancel")
async def cancel_jobs(request: Request, services: Context) -> Response:
    """Cancel several jobs: those named, or all (of an owner)."""
    body = await read_object(request)
    wanted = await asyncio.to_thread(_wanted, services, body)
    results = [await _cancelled(services, job_id) for job_id in wanted]
    services.hub.nudge()
    return json_reply({"results": results})


@router.get("/{job_id}")
async def show_job(job_id: str, services: Context) -> Response:
    """Show one job with everything that belongs to it."""
    return json_reply(await asyncio.to_thread(_detail, services, job_id))


@router.delete("/{job_id}")
async def delete_job(job_id: str, services: Context) -> Response:
    """Forget a job that is over."""
    try:
        result = await services.jobs.remove(job_id)
    except JobConflict as conflict:
        code = "job_delete_conflict_active"
        raise BadBody(str(conflict.status), code=code, status=409) from conflict
    services.hub.nudge()
    return _told(result)


@router.post("/{job_id}/cancel")
async def cancel_job(job_id: str, services: Context) -> Response:
    """End a job."""
    return await _command(services, services.jobs.cancel(job_id))


@router.post("/{job_id}/pause")
async def pause_job(job_id: str, services: Context) -> Response:
    """Stop a job so that it can go on later."""
    return await _command(services, services.jobs.pause(job_id))


@router.post("/{job_id}/resume")
async def resume_job(job_id: str, services: Context) -> Response:
    """Go on with a paused or failed job."""
    return await _command(services, services.jobs.resume(job_id))


@router.post("/{job_id}/retry")
async def retry_job(job_id: str, services: Context) -> Response:
    """Run a job again; finished files stay."""
    return await _command(services, services.jobs.retry(job_id))


async def _command(services: Services, command: Awaitable[CommandResult]) -> Response:
    result = await command
    services.hub.nudge()
    return _told(result)


def _told(result: CommandResult) -> Response:
    fields = {"job_id": result.job_id, "status": str(result.status), "reason": result.reason}
    return json_reply(without_nulls(fields))


def _listing(services: Services, status: str | None, owner: str | None) -> dict[str, Any]:
    jobs = services.pages.jobs()
    shown = [job for job in jobs if _fits(job, status, owner)]
    return {
        "jobs": services.pages.pages(shown),
        "summary": summary_of(Counter(job.status for job in jobs)),
    }


def _fits(job: Job, status: str | None, owner: str | None) -> bool:
    if status and job.status.value != status.strip().lower():
        return False
    return not owner or job.creator == owner


def _detail(services: Services, job_id: str) -> dict[str, Any]:
    view = services.view(services.state.jobs.get(job_id), deep=True)
    options = services.state.options.load(job_id)[1]
    lines = services.state.logs.tail(job_id, limit=DETAIL_LOG_LINES)[1]
    return job_detail(view, options, lines)


def _wanted(services: Services, body: dict[str, Any]) -> list[str]:
    named = job_ids_of(body)
    if named:
        return named
    scope = body.get("scope")
    if scope is None:
        raise BadBody("job_ids or scope required")
    if scope != "all":
        raise BadBody(f"unsupported scope: {str(scope)[:100]}")
    jobs = services.state.jobs.list(statuses=_CANCELLABLE, creator=owner_of(body))
    return [job.job_id for job in jobs]


async def _cancelled(services: Services, job_id: str) -> dict[str, Any]:
    try:
        result = await services.jobs.cancel(job_id)
    except JobNotFound:
        return {"job_id": job_id[:200], "status": "not_found"}
    fields = {"job_id": job_id, "status": str(result.status), "reason": result.reason}
    return without_nulls(fields)

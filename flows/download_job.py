"""The main job: a URL becomes verified files in the library."""

from __future__ import annotations

import asyncio

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from tasks.artifacts import publish_plan
from tasks.downloads import carry_out
from tasks.job_opening import open_job
from tasks.job_work import JobWork
from tasks.listing import list_entries
from tasks.notices import tell_end
from tasks.reported import reported
from vidra.errors import VidraError
from vidra.media.request import DownloadRequest
from vidra.redaction import redact_url


def _run_name() -> str:
    request = DownloadRequest.model_validate(flow_run.parameters["request"])
    return f"download {request.label or request.job_id or redact_url(request.urls[0])}"


@flow(
    name="download-job",
    description="Download what the URLs name, verify it and put it into the library.",
    flow_run_name=_run_name,
    validate_parameters=True,
    persist_result=False,
)
@reported("download-job", tells_failures=True)
async def download_job(request: DownloadRequest) -> State[None]:
    """Work on one job: list its entries, download each with bounded concurrency, record the result.

    An entry fails alone. The final state is Completed when at least one entry arrived and Failed when
    none did; the job record, not this state, is the truth about the job.
    """
    work = open_job(request, run_logger=get_run_logger(), flow_run_id=flow_run.get_id())
    dry_run = request.dry_run or work.job.dry_run
    try:
        try:
            await _download(work, dry_run=dry_run, asked_here=request.job_id is None)
        except VidraError as error:
            work.fail(error)
        await tell_end(work, dry_run=dry_run)
    except (asyncio.CancelledError, KeyboardInterrupt):
        work.interrupt()
        raise
    finally:
        work.close()
    return work.final_state()


async def _download(work: JobWork, *, dry_run: bool, asked_here: bool) -> None:
    await list_entries(work)
    if dry_run:
        await publish_plan(work.job_id, work.pending_entries())
        work.finish_plan(forget=asked_here)
        return
    if work.job.selection_required:
        return  # nothing waits inside a run for a person: choosing starts the next one
    await carry_out(work)

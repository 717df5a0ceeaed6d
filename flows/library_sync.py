"""The library of each media server known here, and what was watched known there."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from tasks.library_artifacts import publish_sync
from tasks.library_notices import tell_syncs
from tasks.library_work import final_state, open_library
from tasks.reported import reported
from vidra.library.request import LibrarySyncRequest


def _run_name() -> str:
    request = LibrarySyncRequest.model_validate(flow_run.parameters["request"])
    verb = "push to" if request.push_only else "sync"
    return f"{verb} {', '.join(request.sources[:5]) if request.sources else 'all sources'}"


@flow(
    name="library-sync",
    description="List what media servers have, remember it here, and tell them what was watched.",
    flow_run_name=_run_name,
    validate_parameters=True,
    persist_result=False,
)
@reported("library-sync", tells_failures=True)
async def library_sync(request: LibrarySyncRequest) -> State[None]:
    """Sync the sources side by side; each fails alone, and within it each section.

    A source that is being synced already is waited for instead. Completed unless every source failed.
    """
    async with open_library(request, run_logger=get_run_logger()) as work:
        outcomes = await work.sync_all()
        await tell_syncs(work, outcomes, dry_run=request.dry_run)
        await publish_sync(outcomes, dry_run=request.dry_run)
        return final_state(outcomes)

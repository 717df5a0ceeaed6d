"""How every declared back end does: probed, written down, acted upon, and told when something changed."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed, Failed
from pydantic import BaseModel, ConfigDict, Field

from tasks.backends import BackendWatch, summary
from tasks.reported import reported
from vidra.errors import VidraError


class WatchdogRequest(BaseModel):
    """How to look."""

    model_config = ConfigDict(extra="forbid")

    only_changes: bool = Field(
        default=False, description="Leave a table only if it says something new; for scheduled runs."
    )
    dry_run: bool = Field(
        default=False, description="Only look: probe nothing, store nothing, tell nobody, restart nothing."
    )


@flow(
    name="backend-watchdog",
    description="Probe every declared back end, act on what is found, and tell what has changed.",
    flow_run_name="back ends",
    validate_parameters=True,
    persist_result=False,
)
@reported("backend-watchdog")
async def backend_watchdog(request: WatchdogRequest) -> State[None]:
    """Look once at all back ends at the same time; what the supervisor finds it acts upon by its own rules.

    A back end that is not well is no failure of this run. It fails when nobody supervises, because
    no engine runs on this machine for this data folder.
    """
    try:
        with BackendWatch(run_logger=get_run_logger()) as watch:
            found = await watch.look(dry_run=request.dry_run)
            if not request.dry_run:
                watch.remember(found)
                await watch.leave_table(found, only_changes=request.only_changes)
                await watch.tell()
            return Completed(message=summary(found))
    except VidraError as error:
        return Failed(message=str(error))

"""Which address of each media server is best now: probed, scored, remembered, told when it changes."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict, Field

from tasks.connections import ConnectionWork, summary
from tasks.reported import reported


class ScoringRequest(BaseModel):
    """What to look at."""

    model_config = ConfigDict(extra="forbid")

    sources: list[str] | None = Field(
        default=None, max_length=1000, description="Ids of the sources to look at; none: all."
    )
    only_due: bool = Field(
        default=False, description="Leave out sources whose cadence or back-off says later."
    )
    dry_run: bool = Field(default=False, description="Only look: store nothing, tell nobody.")


def _run_name() -> str:
    request = ScoringRequest.model_validate(flow_run.parameters["request"])
    return f"connections of {', '.join(request.sources[:5]) if request.sources else 'all sources'}"


@flow(
    name="connection-scoring",
    description="Probe every address of every media server, and keep the best one of each in use.",
    flow_run_name=_run_name,
    validate_parameters=True,
    persist_result=False,
)
@reported("connection-scoring")
async def connection_scoring(request: ScoringRequest) -> State[None]:
    """Look once at the sources that are due; a source fails alone, and its failure is what is stored."""
    async with ConnectionWork(run_logger=get_run_logger()) as work:
        checked = await work.look(request.sources, only_due=request.only_due, dry_run=request.dry_run)
        if not request.dry_run:
            work.tell(checked)
            await work.notify(checked)
            await work.leave_table(checked)
            await work.remind_servers()
        return Completed(message=summary(checked, work.room))

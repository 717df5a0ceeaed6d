"""New files are made known to the media servers, which then list them."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.states import Completed
from pydantic import BaseModel, ConfigDict

from tasks.refresh import publish_refresh, refresh_libraries, sync_refreshed
from tasks.reported import reported


class RefreshRequest(BaseModel):
    """Nothing to choose: what waits is told."""

    model_config = ConfigDict(extra="forbid")


@flow(
    name="library-refresh",
    description="Make media servers look for files that were downloaded, and see that they list them.",
    flow_run_name="tell media servers of new files",
    validate_parameters=True,
    persist_result=False,
)
@reported("library-refresh")
async def library_refresh(request: RefreshRequest) -> State[None]:
    """Tell every server of the files that wait for it; one that is away hears of them when it is back."""
    del request
    told = await refresh_libraries(get_run_logger())
    await publish_refresh(told)
    await sync_refreshed(told)
    waiting = sum(len(one.files) for one in told if one.result is None)
    text = f"{sum(len(one.files) for one in told) - waiting} file(s) told"
    return Completed(message=f"{text}, {waiting} waiting" if waiting else text)

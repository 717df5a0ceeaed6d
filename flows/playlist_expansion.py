"""Subscriptions: list what they name, plan by archive and rules, download what is new, oldest first."""

from __future__ import annotations

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.logging import get_run_logger
from prefect.runtime import flow_run

from tasks.expansion import open_expansion
from tasks.reported import reported
from vidra.media.lists.request import ExpansionRequest


def _run_name() -> str:
    request = ExpansionRequest.model_validate(flow_run.parameters["request"])
    names = ", ".join(request.subscriptions[:3]) or "all"
    more = len(request.subscriptions) - 3
    return f"{'plan' if request.dry_run else 'expand'} {names}{f' and {more} more' if more > 0 else ''}"


@flow(
    name="playlist-expansion",
    description="Look what is new in the lists of subscriptions, and download it, oldest first.",
    flow_run_name=_run_name,
    validate_parameters=True,
    persist_result=False,
)
@reported("playlist-expansion", tells_failures=True)
async def playlist_expansion(request: ExpansionRequest) -> State[None]:
    """Work on the subscriptions the request names, each for itself.

    One run is one job for each subscription that has something new; none where nothing is new. With
    `dry_run` the very plan is kept and shown, and nothing is downloaded. The final state is Failed when
    every subscription failed, Completed otherwise; the history in the state, not this, is the truth.
    """
    expansion = open_expansion(request, run_logger=get_run_logger(), flow_run_id=flow_run.get_id())
    try:
        await expansion.run()
        return expansion.final_state()
    finally:
        expansion.close()

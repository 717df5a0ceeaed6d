"""Puts Prefect's books in order after a crash, before schedules wake.

After a power cut Prefect shows runs as Running for ever and keeps their slots. Every run that is under
way without a living owner is forced to Crashed, and whoever called is told so that its job can be put
back to work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Container, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from uuid import UUID

import anyio

from vidra.engine.runs import RunInfo, connected_client, run_info
from vidra.engine.worker import owners

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.objects import FlowRun

log = logging.getLogger(__name__)

SECOND_LOOK: Final = 1.0
"""Seconds until a run without owner is looked at again: a run just created has none for a moment."""
PAGE: Final = 200
UNDER_WAY: Final = ("PENDING", "RUNNING", "CANCELLING")


async def reconcile(
    home: Path, *, only_ours: bool = False, on_dead: Callable[[RunInfo], None] = lambda _: None
) -> Sequence[RunInfo]:
    """Force every dead run to Crashed and return those runs; runs that live are not touched.

    `only_ours` leaves runs alone that no process of this machine ever said to own, for a server that
    other machines share. `on_dead` is called for each dead run after Prefect was told; called again for
    the same run only if that was interrupted, so it must be idempotent.
    """
    async with connected_client() as client:
        if not await _dead(client, home, only_ours=only_ours):
            return []
        await anyio.sleep(SECOND_LOOK)
        dead = await _dead(client, home, only_ours=only_ours)
        buried = [run for run in dead if await _bury(client, run)]
        for run in buried:
            on_dead(run_info(run))
            owners.forget(home, str(run.id))
        return [run_info(run) for run in buried]


async def _dead(client: PrefectClient, home: Path, *, only_ours: bool) -> list[FlowRun]:
    from prefect.client.schemas.filters import FlowRunFilter  # noqa: PLC0415 - 1.3 s

    wanted = FlowRunFilter.model_validate({"state": {"type": {"any_": list(UNDER_WAY)}}})
    found: list[FlowRun] = []
    while page := await client.read_flow_runs(flow_run_filter=wanted, limit=PAGE, offset=len(found)):
        found += page
    dead = {run.id: run for run in found if _is_dead(home, run, only_ours=only_ours)}
    for run in found:
        if _may_be_orphan(home, run) and await _has_no_parent(client, run, dead):
            dead[run.id] = run
    return list(dead.values())


def _is_dead(home: Path, run: FlowRun, *, only_ours: bool) -> bool:
    owner = owners.owner(home, str(run.id))
    if owner is not None:
        return not owner.alive
    return run.parent_task_run_id is None and not only_ours


def _may_be_orphan(home: Path, run: FlowRun) -> bool:
    """Whether it is a subflow in its parent's process: it lives and dies with that."""
    return run.parent_task_run_id is not None and owners.owner(home, str(run.id)) is None


async def _has_no_parent(client: PrefectClient, run: FlowRun, dead: Container[UUID]) -> bool:
    """Whether the flow run that began the subflow is dead or over; False where Prefect cannot tell."""
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - 1.3 s

    assert run.parent_task_run_id is not None  # noqa: S101 - for the type checkers: it is a subflow
    try:
        task = await client.read_task_run(run.parent_task_run_id)
        if task.flow_run_id is None:
            return False
        if task.flow_run_id in dead:
            return True
        parent = await client.read_flow_run(task.flow_run_id)
    except ObjectNotFound:
        return False  # its record may be under way
    return parent.state is not None and parent.state.is_final()


async def _bury(client: PrefectClient, run: FlowRun) -> bool:
    """Tell Prefect; return whether it took it. One run it chokes on must not keep the others dead."""
    from prefect.client.schemas.objects import State  # noqa: PLC0415 - 1.3 s
    from prefect.exceptions import PrefectHTTPStatusError  # noqa: PLC0415 - 1.3 s
    from prefect.states import Cancelled, Crashed  # noqa: PLC0415 - 1.3 s

    message = "its process was gone when the engine started"
    cancelling = run.state is not None and run.state.is_cancelling()
    state: State[object] = Cancelled(message=message) if cancelling else Crashed(message=message)
    try:
        await client.set_flow_run_state(run.id, state, force=True)
    except PrefectHTTPStatusError as error:
        log.error("dead flow run %s (%s) could not be marked: %s", run.name, run.id, error)  # noqa: TRY400 - whose trace helps nobody
        return False
    return True

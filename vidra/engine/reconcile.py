"""Puts Prefect's books in order after a crash, before schedules wake.

After a power cut Prefect shows runs as Running for ever and keeps their slots. Every run that is under
way without a living owner is forced to Crashed, and whoever called is told so that its job can be put
back to work. Does without Prefect: `vidra up` calls it for as long as it is up, and would keep the 70 MB.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Container, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, TypeAlias

from vidra.engine.http_api import HttpApi
from vidra.engine.runs import RunInfo, told_run
from vidra.engine.worker import owners
from vidra.errors import EngineError, EngineUnreachable

log = logging.getLogger(__name__)

SECOND_LOOK: Final = 1.0
"""Seconds until a run without owner is looked at again: a run just created has none for a moment."""
UNDER_WAY: Final = ("PENDING", "RUNNING", "CANCELLING")
_WANTED: Final[Mapping[str, Any]] = {
    "flow_runs": {"state": {"type": {"any_": list(UNDER_WAY)}}},
    "sort": "ID_DESC",  # pages need an order
}
_Record: TypeAlias = Mapping[str, Any]
"""A flow run as the API tells it."""


async def reconcile(
    home: Path, *, only_ours: bool = False, on_dead: Callable[[RunInfo], None] = lambda _: None
) -> Sequence[RunInfo]:
    """Force every dead run to Crashed and return those runs; runs that live are not touched.

    `only_ours` leaves runs alone that no process of this machine ever said to own, for a server that
    other machines share. `on_dead` is called for each dead run after Prefect was told; called again for
    the same run only if that was interrupted, so it must be idempotent.
    """
    async with HttpApi() as api:
        if not await _dead(api, home, only_ours=only_ours):
            return []
        await asyncio.sleep(SECOND_LOOK)
        dead = await _dead(api, home, only_ours=only_ours)
        buried = [told_run(run) for run in dead if await _bury(api, run)]
        for run in buried:
            on_dead(run)
            owners.forget(home, run.flow_run_id)
        return buried


async def _dead(api: HttpApi, home: Path, *, only_ours: bool) -> list[_Record]:
    found = await api.query_all("/flow_runs/filter", _WANTED)
    dead = {run["id"]: run for run in found if _is_dead(home, run, only_ours=only_ours)}
    for run in found:
        if _may_be_orphan(home, run) and await _has_no_parent(api, run, dead):
            dead[run["id"]] = run
    return list(dead.values())


def _is_dead(home: Path, run: _Record, *, only_ours: bool) -> bool:
    owner = owners.owner(home, run["id"])
    if owner is not None:
        return not owner.alive
    return run["parent_task_run_id"] is None and not only_ours


def _may_be_orphan(home: Path, run: _Record) -> bool:
    """Whether it is a subflow in its parent's process: it lives and dies with that."""
    return run["parent_task_run_id"] is not None and owners.owner(home, run["id"]) is None


async def _has_no_parent(api: HttpApi, run: _Record, dead: Container[str]) -> bool:
    """Whether the flow run that began the subflow is dead or over; False where Prefect cannot tell."""
    task = await api.get(f"/task_runs/{run['parent_task_run_id']}")
    if task is None or task["flow_run_id"] is None:
        return False  # its record may be under way
    if task["flow_run_id"] in dead:
        return True
    parent = await api.get(f"/flow_runs/{task['flow_run_id']}")
    return parent is not None and told_run(parent).final


async def _bury(api: HttpApi, run: _Record) -> bool:
    """Tell Prefect; return whether it took it. One run it chokes on must not keep the others dead."""
    cancelling = told_run(run).state_type == "CANCELLING"
    wanted = {
        "type": "CANCELLED" if cancelling else "CRASHED",
        "name": "Cancelled" if cancelling else "Crashed",
        "message": "its process was gone when the engine started",
    }
    try:
        await api.post(f"/flow_runs/{run['id']}/set_state", {"state": wanted, "force": True}, repeatable=True)
    except EngineUnreachable:
        raise
    except EngineError as error:
        log.error("dead flow run %s (%s) could not be marked: %s", run["name"], run["id"], error)  # noqa: TRY400 - whose trace helps nobody
        return False
    return True

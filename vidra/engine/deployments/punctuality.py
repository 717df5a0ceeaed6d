"""Which of the scheduled runs that are due start now: missed ones become one, quiet hours are kept.

Concerns only runs that a schedule made. Runs that somebody asked for start at once.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any, Final
from uuid import UUID

from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.exceptions import ObjectNotFound
from prefect.states import Cancelled, Scheduled

from vidra.engine.deployments.pacing import Pacing

log = logging.getLogger(__name__)

POSTPONED: Final = "Postponed"
"""Name of the state (type SCHEDULED) of a run that waits for its jitter or the end of quiet hours."""
_EARLIEST: Final = datetime.min.replace(tzinfo=UTC)


async def start_now(client: PrefectClient, due: Sequence[FlowRun], *, now: datetime) -> set[UUID]:
    """Return the ids of the due runs that start now; cancel missed ones, postpone those that wait."""
    asked = {run.id for run in due if not _by_schedule(run)}
    scheduled = [run for run in due if _by_schedule(run)]
    latest = {_kind(run): run for run in sorted(scheduled, key=_expected)}
    for run in scheduled:
        newest = latest[_kind(run)]
        if run is not newest:
            message = f"Missed; the run of {_expected(newest):%Y-%m-%d %H:%M:%S} UTC stands for it."
            await _set_waiting(client, run, Cancelled(message=message))
    return asked | {run.id for run in latest.values() if not await _postponed(client, run, now)}


def _by_schedule(run: FlowRun) -> bool:
    return run.auto_scheduled and run.deployment_id is not None


def _expected(run: FlowRun) -> datetime:
    """Return when the schedule wanted the run; postponing does not change it."""
    return run.expected_start_time or _EARLIEST


def _kind(run: FlowRun) -> tuple[UUID | None, str]:
    return run.deployment_id, json.dumps(run.parameters, sort_keys=True, default=str)


async def _postponed(client: PrefectClient, run: FlowRun, now: datetime) -> bool:
    assert run.deployment_id is not None  # noqa: S101 - for the type checkers: runs by schedule have one
    try:
        deployment = await client.read_deployment(run.deployment_id)
        pacing = Pacing.read(deployment.job_variables or {})
    except ObjectNotFound:
        return False  # deleted meanwhile; whoever starts the run finds out
    except (ValueError, KeyError) as error:
        log.warning("run %s starts without pacing, its job variables are wrong: %s", run.name, error)
        return False
    start = pacing.not_before(scheduled=_expected(run), now=now, run_id=run.id)
    if start <= now:
        return False
    state: State[Any] = Scheduled(
        scheduled_time=start, name=POSTPONED, message=f"Waits until {start:%Y-%m-%d %H:%M:%S} UTC."
    )
    await _set_waiting(client, run, state)
    return True


async def _set_waiting(client: PrefectClient, run: FlowRun, state: State[Any]) -> None:
    """Set the state unless another worker has begun the run since we were told of it."""
    try:
        current = (await client.read_flow_run(run.id)).state
        if current is not None and current.is_scheduled():
            await client.set_flow_run_state(run.id, state)
    except ObjectNotFound:
        log.debug("run %s was deleted meanwhile", run.name)

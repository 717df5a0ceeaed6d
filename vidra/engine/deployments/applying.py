"""Makes the server's deployments what the declarations say, and shows the difference first.

What a person changed in the Prefect UI stays where it does not contradict the file: a paused schedule
or deployment stays paused. Imports Prefect when used.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum, unique
from typing import TYPE_CHECKING, Any

from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.pacing import VARIABLES
from vidra.engine.http_api import PAGE
from vidra.engine.runs import connected_client
from vidra.engine.subscriptions.deployments import FROM_YAML

if TYPE_CHECKING:
    from prefect.client.orchestration import PrefectClient
    from prefect.client.schemas.actions import DeploymentScheduleCreate
    from prefect.client.schemas.responses import DeploymentResponse


@unique
class ChangeKind(StrEnum):
    """What applying does to a deployment."""

    CREATE = "create"
    UPDATE = "update"
    KEEP = "keep"
    DELETE = "delete"
    """Of limits, and of deployments that the configuration named and does not any more."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """One deployment and what applying does (or did) to it."""

    deployment: str
    """`flow-name/deployment-name`, as `vidra.engine.runs.trigger` wants it."""
    kind: ChangeKind
    differences: tuple[str, ...] = ()
    """For UPDATE: one line per field, `field: old -> new`."""


async def apply_deployments(declared: Sequence[Declaration], *, dry_run: bool = False) -> Sequence[Change]:
    """Create or update what differs and return what was (or with `dry_run` would be) done.

    Creates missing work pools of the type `vidra`. Deployments that are not declared are left alone, unless
    they were made from the configuration alone: those go with what they were made from.
    Raises `EngineUnreachable`, and `EngineError` for an entrypoint that names no flow.
    """
    async with connected_client() as client:
        if not dry_run:
            for pool in sorted({declaration.pool for declaration in declared}):
                await _ensure_pool(client, pool)
        changes = [await _apply(client, declaration, dry_run=dry_run) for declaration in declared]
        return [*changes, *await _delete_stale(client, declared, dry_run=dry_run)]


async def _delete_stale(
    client: PrefectClient, declared: Sequence[Declaration], *, dry_run: bool
) -> list[Change]:
    """Delete what an earlier configuration made in these pools; their runs stay in the history."""
    from prefect.client.schemas.filters import DeploymentFilter  # noqa: PLC0415 - 1.3 s

    wanted = DeploymentFilter.model_validate({"tags": {"all_": [FROM_YAML]}})
    names, pools = {one.name for one in declared}, {one.pool for one in declared}
    stale: list[DeploymentResponse] = []
    offset = 0
    while page := await client.read_deployments(deployment_filter=wanted, limit=PAGE, offset=offset):
        stale += [one for one in page if one.name not in names and one.work_pool_name in pools]
        offset += len(page)
    changes = []
    for one in stale:
        flow = await client.read_flow(one.flow_id)
        changes.append(Change(deployment=f"{flow.name}/{one.name}", kind=ChangeKind.DELETE))
        if not dry_run:
            await client.delete_deployment(one.id)
    return changes


async def _apply(client: PrefectClient, declared: Declaration, *, dry_run: bool) -> Change:
    from prefect.exceptions import ObjectNotFound  # noqa: PLC0415 - 1.3 s
    from prefect.utilities.callables import parameter_schema  # noqa: PLC0415 - the same

    from vidra.engine.worker.execution import load_flow  # noqa: PLC0415 - the same

    flow = load_flow(declared.entrypoint)
    name = f"{flow.name}/{declared.name}"
    try:
        existing = await client.read_deployment_by_name(name)
    except ObjectNotFound:
        existing = None
    schema = parameter_schema(flow).model_dump(mode="json")
    differences = () if existing is None else _differences(existing, declared, schema)
    kind = ChangeKind.CREATE if existing is None else ChangeKind.UPDATE if differences else ChangeKind.KEEP
    if kind is not ChangeKind.KEEP and not dry_run:
        await _write(client, await client.create_flow(flow), declared, existing, schema)
    return Change(deployment=name, kind=kind, differences=differences)


async def _write(
    client: PrefectClient,
    flow_id: Any,  # noqa: ANN401 - Prefect's UUID, not imported for a name
    declared: Declaration,
    existing: DeploymentResponse | None,
    schema: dict[str, Any],
) -> None:
    from prefect.client.schemas.objects import ConcurrencyOptions  # noqa: PLC0415 - 1.3 s

    options = None
    if declared.collision_strategy is not None:
        options = ConcurrencyOptions.model_validate({"collision_strategy": declared.collision_strategy})
    await client.create_deployment(
        flow_id,
        declared.name,
        entrypoint=declared.entrypoint,
        description=declared.description or "",
        tags=list(declared.tags),
        parameters=dict(declared.parameters),
        schedules=[_schedule(schedule, existing) for schedule in declared.schedules],
        concurrency_limit=declared.concurrency_limit,
        concurrency_options=options,
        work_pool_name=declared.pool,
        job_variables=_job_variables(existing, declared),
        pull_steps=[],
        paused=existing.paused if existing is not None else None,
        parameter_openapi_schema=schema,
        enforce_parameter_schema=True,
    )


def _schedule(schedule: Schedule, existing: DeploymentResponse | None) -> DeploymentScheduleCreate:
    from prefect.client.schemas.actions import DeploymentScheduleCreate  # noqa: PLC0415 - 1.3 s
    from prefect.client.schemas.schedules import CronSchedule, IntervalSchedule  # noqa: PLC0415 - the same

    before = {one.slug: one for one in existing.schedules} if existing is not None else {}
    paused = schedule.slug in before and not before[schedule.slug].active
    when = (
        CronSchedule(cron=schedule.cron, timezone=schedule.timezone)
        if schedule.cron is not None
        else IntervalSchedule(interval=timedelta(seconds=schedule.interval or 0), timezone=schedule.timezone)
    )
    return DeploymentScheduleCreate(slug=schedule.slug, schedule=when, active=schedule.active and not paused)


def _job_variables(existing: DeploymentResponse | None, declared: Declaration) -> dict[str, Any]:
    """Return the declared variables and those that a person added; ours go when they are not declared."""
    before = {} if existing is None else existing.job_variables or {}
    return {key: value for key, value in before.items() if key not in VARIABLES} | dict(
        declared.job_variables
    )


def _differences(
    existing: DeploymentResponse, declared: Declaration, schema: dict[str, Any]
) -> tuple[str, ...]:
    strategy = existing.concurrency_options and existing.concurrency_options.collision_strategy.value
    limit = existing.global_concurrency_limit and existing.global_concurrency_limit.limit
    pairs = {
        "entrypoint": (existing.entrypoint, declared.entrypoint),
        "description": (existing.description or "", declared.description or ""),
        "tags": (sorted(existing.tags), sorted(declared.tags)),
        "parameters": (existing.parameters, dict(declared.parameters)),
        "job variables": (existing.job_variables or {}, _job_variables(existing, declared)),
        "work pool": (existing.work_pool_name, declared.pool),
        "concurrency limit": (limit, declared.concurrency_limit),
        "collision strategy": (strategy, declared.collision_strategy),
        "schedules": (_texts_there(existing), sorted(_text(one) for one in declared.schedules)),
    }
    found = [f"{field}: {old} -> {new}" for field, (old, new) in pairs.items() if old != new]
    if existing.parameter_openapi_schema != schema:
        found.append("parameter form: changed")
    return tuple(found)


def _texts_there(existing: DeploymentResponse) -> list[str]:
    texts = []
    for one in existing.schedules:
        cron, interval = getattr(one.schedule, "cron", None), getattr(one.schedule, "interval", None)
        seconds = None if interval is None else interval.total_seconds()
        zone = getattr(one.schedule, "timezone", None)
        known = Schedule(slug=one.slug or "", cron=cron, interval=seconds, timezone=zone)
        texts.append(_text(known))
    return sorted(texts)


def _text(schedule: Schedule) -> str:
    when = schedule.cron or f"every {schedule.interval:g} s"
    return f"{schedule.slug}: {when} ({schedule.timezone or 'UTC'})"


async def _ensure_pool(client: PrefectClient, name: str) -> None:
    from prefect.client.schemas.actions import WorkPoolCreate  # noqa: PLC0415 - 1.3 s
    from prefect.exceptions import ObjectAlreadyExists, ObjectNotFound  # noqa: PLC0415 - the same

    from vidra.engine.worker.worker import VidraWorker  # noqa: PLC0415 - the same

    template = VidraWorker.get_default_base_job_template()
    try:
        await client.read_work_pool(name)
    except ObjectNotFound:
        pool = WorkPoolCreate(name=name, type=VidraWorker.type, base_job_template=template)
        try:
            await client.create_work_pool(pool)
        except ObjectAlreadyExists:
            return  # a worker was quicker

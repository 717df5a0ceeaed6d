"""What should be deployed: the shipped declarations, with the owner's schedules in place of theirs."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import replace

from vidra.datafiles import shipped
from vidra.engine.deployments.declarations import Declaration, Schedule, read_declarations
from vidra.engine.deployments.pacing import pacing_variables
from vidra.engine.jobs.commands import FLOW
from vidra.engine.library.deploying import library_deployments
from vidra.engine.sources.schedules import without_idle_schedules
from vidra.engine.subscriptions.deployments import subscription_deployments
from vidra.errors import ConfigError, ConfigProblem
from vidra.settings import ScheduleSettings, Settings


def declared_deployments(settings: Settings) -> Sequence[Declaration]:
    """Return the deployments of these settings. Raises `ConfigError`."""
    shipped_ones = read_declarations(shipped("deployments") / "prefect.yaml")
    declared = [replace(one, pool=settings.engine.pool) for one in shipped_ones]
    scheduled = without_idle_schedules(with_schedules(declared, settings.schedules), settings)
    return [*scheduled, *subscription_deployments(settings), *library_deployments(settings)]


def with_schedules(
    declared: Sequence[Declaration], schedules: Mapping[str, ScheduleSettings]
) -> Sequence[Declaration]:
    """Return the declarations with the owner's schedules by name; no scheduled one overlaps itself.

    Raises `ConfigError` for all names at once that cannot be scheduled.
    """
    known = {one.name: one for one in declared}
    problems = [found for name in schedules if (found := _problem(name, schedules[name], known)) is not None]
    if problems:
        raise ConfigError(problems)
    return [_alone(_overridden(one, schedules.get(one.name))) for one in declared]


def _overridden(declared: Declaration, wanted: ScheduleSettings | None) -> Declaration:
    if wanted is None:
        return declared
    if not wanted.active:
        # Gone, not switched off: a schedule that is off on the server counts as paused by a person.
        return replace(declared, schedules=())
    schedules = _rhythm(declared.schedules, wanted)
    zone = wanted.timezone or schedules[0].timezone
    return replace(
        declared,
        schedules=schedules,
        job_variables={**declared.job_variables, **pacing_variables(wanted, zone)},
    )


def _rhythm(shipped_ones: Sequence[Schedule], wanted: ScheduleSettings) -> tuple[Schedule, ...]:
    first = shipped_ones[0] if shipped_ones else Schedule(slug="0")
    kept = shipped_ones
    if wanted.cron is not None or wanted.interval is not None:
        kept = [replace(first, cron=wanted.cron, interval=wanted.interval, active=True)]
    return tuple(replace(one, timezone=wanted.timezone or one.timezone) for one in kept)


def _alone(declared: Declaration) -> Declaration:
    if not declared.schedules or declared.concurrency_limit is not None:
        return declared
    return replace(declared, concurrency_limit=1, collision_strategy="CANCEL_NEW")


def _problem(name: str, wanted: ScheduleSettings, known: Mapping[str, Declaration]) -> ConfigProblem | None:
    if name not in known:
        names = sorted(set(known) - {FLOW})
        near = next(iter(difflib.get_close_matches(name, names, n=1)), None)
        listed = ", ".join(f"`{one}`" for one in names) or "none that can be scheduled"
        return _wrong(name, name, f"unknown deployment; there are {listed}", near)
    if name == FLOW:
        return _wrong(name, name, "this deployment runs when it is asked to, with a request", None)
    if not known[name].schedules and wanted.active and wanted.cron is None and wanted.interval is None:
        return _wrong(name, None, "expected `cron` or `interval`: the deployment ships without", None)
    return None


def _wrong(name: str, value: object, expected: str, near: str | None) -> ConfigProblem:
    return ConfigProblem(
        source="configuration",
        line=None,
        key_path=f"schedules.{name}",
        value=value,
        expected=expected,
        suggestion=near,
    )

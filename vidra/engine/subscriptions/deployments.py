"""One deployment for each subscription that runs by itself, made from what the owner declares."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.pacing import pacing_variables
from vidra.errors import ConfigError, ConfigProblem, UsageError
from vidra.settings import ScheduleSettings, Settings, SubscriptionSettings
from vidra.settings.inheritance import subscription

FLOW: Final = "playlist-expansion"
ENTRYPOINT: Final = "flows.playlist_expansion.playlist_expansion"
PREFIX: Final = "subscription-"
FROM_YAML: Final = "from-yaml"
"""Tag of deployments that exist because the configuration names them, and go when it does not any more."""


def deployment_of(name: str) -> str:
    """Return the name of a subscription's deployment."""
    return f"{PREFIX}{name}"


def subscription_deployments(settings: Settings) -> Sequence[Declaration]:
    """Return the deployments of all subscriptions that run by themselves.

    Raises `ConfigError` for all subscriptions at once that extend what is not there, or whose schedule
    does not say when.
    """
    problems: list[ConfigProblem] = []
    declared: list[Declaration] = []
    for name in settings.subscriptions:
        try:
            own = subscription(name, settings.subscriptions)
        except UsageError as error:
            problems.append(_problem(name, "extends", settings.subscriptions[name].extends, str(error)))
            continue
        schedule = own.schedule
        if not own.urls or not own.active or schedule is None or not schedule.active:
            continue
        if schedule.cron is None and schedule.interval is None:
            problems.append(_problem(name, "schedule", None, "expected `cron` or `interval`"))
            continue
        declared.append(_declaration(name, own, schedule, settings.engine.pool))
    if problems:
        raise ConfigError(problems)
    return declared


def _declaration(name: str, own: SubscriptionSettings, schedule: ScheduleSettings, pool: str) -> Declaration:
    when = Schedule(slug="0", cron=schedule.cron, interval=schedule.interval, timezone=schedule.timezone)
    return Declaration(
        name=deployment_of(name),
        entrypoint=ENTRYPOINT,
        pool=pool,
        description=f"Look what is new in {', '.join(own.urls[:3])}, and download it.",
        tags=("vidra", "subscription", FROM_YAML),
        parameters={"request": {"subscriptions": [name], "scheduled": True}},
        schedules=(when,),
        concurrency_limit=1,
        collision_strategy="CANCEL_NEW",
        job_variables=pacing_variables(schedule, schedule.timezone),
    )


def _problem(name: str, key: str, value: object, expected: str) -> ConfigProblem:
    return ConfigProblem(
        source="configuration",
        line=None,
        key_path=f"subscriptions.{name}.{key}",
        value=value,
        expected=expected,
    )

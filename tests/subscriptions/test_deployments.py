"""Each subscription has a deployment as long as the configuration names it."""

from __future__ import annotations

import asyncio
from dataclasses import replace

import pytest

from vidra.engine.deployments.applying import Change, ChangeKind, apply_deployments
from vidra.engine.deployments.declared import declared_deployments
from vidra.errors import ConfigError
from vidra.settings import Settings

POOL = "subscription-tests"


def _settings(**subscriptions: object) -> Settings:
    return Settings.model_validate({"subscriptions": subscriptions, "engine": {"pool": POOL}})


TALKS = {
    "urls": "https://example.org/talks",
    "schedule": {
        "cron": "0 4 * * *",
        "timezone": "Europe/Berlin",
        "jitter": 600,
        "quiet_hours": "18:00-23:00",
    },
}


def test_a_scheduled_subscription_is_a_deployment_that_never_overlaps_itself() -> None:
    """Cron, zone, jitter and quiet hours reach the worker; one run at a time."""
    (made,) = [
        one for one in declared_deployments(_settings(talks=TALKS)) if one.name == "subscription-talks"
    ]

    assert made.schedules[0].cron == "0 4 * * *"
    assert made.schedules[0].timezone == "Europe/Berlin"
    assert made.job_variables["vidra_jitter"] == 600
    assert made.job_variables["vidra_quiet_hours"] == "18:00-23:00"
    assert (made.concurrency_limit, made.collision_strategy) == (1, "CANCEL_NEW")
    assert made.parameters == {"request": {"subscriptions": ["talks"], "scheduled": True}}


def test_what_does_not_run_by_itself_has_no_deployment() -> None:
    """No schedule, switched off, or only there to be extended."""
    settings = _settings(
        base={"schedule": TALKS["schedule"]},
        by_hand={"urls": "https://example.org/a"},
        off={**TALKS, "active": False},
    )

    assert not [one for one in declared_deployments(settings) if one.name.startswith("subscription-")]


def test_all_subscriptions_that_cannot_be_scheduled_are_named_at_once() -> None:
    """A schedule without a time, and a parent that nobody declared."""
    settings = _settings(
        one={"urls": "https://example.org/a", "schedule": {"jitter": 3}},
        two={"urls": "https://example.org/b", "extends": "oen"},
    )

    with pytest.raises(ConfigError) as caught:
        declared_deployments(settings)
    assert [problem.key_path for problem in caught.value.problems] == [
        "subscriptions.one.schedule",
        "subscriptions.two.extends",
    ]
    assert "did you mean `one`?" in str(caught.value)


@pytest.mark.usefixtures("connected")
def test_a_subscription_that_is_gone_takes_its_deployment_along() -> None:
    """A dry run says so first; nothing else is touched."""
    before = [replace(one, pool=POOL) for one in declared_deployments(_settings(talks=TALKS))]
    after = [one for one in before if one.name != "subscription-talks"]
    asyncio.run(apply_deployments(before))
    shown = asyncio.run(apply_deployments(after, dry_run=True))
    done = asyncio.run(apply_deployments(after))
    again = asyncio.run(apply_deployments(after))

    gone = Change(deployment="playlist-expansion/subscription-talks", kind=ChangeKind.DELETE)
    assert gone in shown
    assert gone in done
    assert {change.kind for change in again} == {ChangeKind.KEEP}

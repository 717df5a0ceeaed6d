"""The owner's schedules in place of the shipped ones."""

from __future__ import annotations

import pytest

from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.declared import declared_deployments, with_schedules
from vidra.errors import ConfigError
from vidra.settings import ScheduleSettings, Settings

SCAN = Declaration(
    name="library-scan",
    entrypoint="flows.scan.scan",
    pool="vidra",
    parameters={},
    schedules=(Schedule(slug="night", cron="0 3 * * *", timezone="Europe/Berlin"),),
)


def _with(wanted: ScheduleSettings, declared: Declaration = SCAN) -> Declaration:
    (one,) = with_schedules([declared], {declared.name: wanted})
    return one


def test_a_schedule_of_the_owner_replaces_the_shipped_one() -> None:
    """The slug stays, so that a pause of the schedule in the UI stays too; so does the zone."""
    one = _with(ScheduleSettings(interval=600.0))

    assert one.schedules == (Schedule(slug="night", interval=600.0, timezone="Europe/Berlin"),)


def test_what_the_owner_leaves_out_stays_as_it_ships() -> None:
    """Quiet hours can be added without repeating the cron line; they are in the schedule's zone."""
    one = _with(ScheduleSettings(quiet_hours="22:00-06:00", jitter=30.0))

    assert one.schedules == SCAN.schedules
    assert one.job_variables == {
        "vidra_quiet_hours": "22:00-06:00",
        "vidra_quiet_zone": "Europe/Berlin",
        "vidra_jitter": 30.0,
    }


def test_an_inactive_schedule_is_not_there() -> None:
    """Switched off on the server it would count as paused by a person, and never wake again."""
    assert _with(ScheduleSettings(active=False)).schedules == ()


def test_a_scheduled_deployment_never_overlaps_itself() -> None:
    """One run at a time, and a new one gives way; what the file says about it wins."""
    (alone,) = with_schedules([SCAN], {})

    assert (alone.concurrency_limit, alone.collision_strategy) == (1, "CANCEL_NEW")
    assert _with(ScheduleSettings(active=False)).concurrency_limit is None


def test_an_unknown_deployment_is_refused_with_the_name_that_was_meant() -> None:
    """All wrong names at once, each with its key."""
    wanted = {"libary-scan": ScheduleSettings(cron="@daily"), "x": ScheduleSettings(cron="@daily")}

    with pytest.raises(ConfigError) as refused:
        with_schedules([SCAN], wanted)

    assert [one.key_path for one in refused.value.problems] == ["schedules.libary-scan", "schedules.x"]
    assert refused.value.problems[0].suggestion == "library-scan"


def test_a_deployment_that_ships_without_a_schedule_needs_one() -> None:
    """Quiet hours alone would say nothing."""
    bare = Declaration(name="bare", entrypoint="flows.bare.bare", pool="vidra", parameters={})

    with pytest.raises(ConfigError, match=r"schedules\.bare: expected `cron` or `interval`"):
        _with(ScheduleSettings(quiet_hours="22:00-06:00"), bare)


def test_downloads_on_request_cannot_be_scheduled() -> None:
    """One run at a time would cancel what people ask for, and a schedule has no request to make."""
    settings = Settings(schedules={"download-job": ScheduleSettings(cron="@daily")})

    with pytest.raises(ConfigError, match=r"schedules\.download-job: this deployment runs when it is asked"):
        declared_deployments(settings)

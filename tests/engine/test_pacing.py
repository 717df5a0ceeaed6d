"""Jitter and quiet hours: from when on a scheduled run may start."""

from __future__ import annotations

from datetime import UTC, datetime, time, timedelta
from uuid import UUID
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidra.engine.deployments.pacing import Pacing, pacing_variables
from vidra.settings import ScheduleSettings

RUN = UUID(int=7)
BERLIN = ZoneInfo("Europe/Berlin")


def _at(clock: str, day: str = "2026-07-01") -> datetime:
    return datetime.fromisoformat(f"{day}T{clock}").replace(tzinfo=BERLIN).astimezone(UTC)


def _start(quiet: str, now: datetime, *, jitter: float = 0.0) -> datetime:
    schedule = ScheduleSettings(quiet_hours=quiet, jitter=jitter)
    pacing = Pacing.read(pacing_variables(schedule, "Europe/Berlin"))
    return pacing.not_before(scheduled=now, now=now, run_id=RUN)


@pytest.mark.parametrize(
    ("quiet", "due", "start"),
    [
        ("22:00-06:00", "2026-07-01T21:59", "2026-07-01T21:59"),
        ("22:00-06:00", "2026-07-01T22:00", "2026-07-02T06:00"),
        ("22:00-06:00", "2026-07-02T05:59", "2026-07-02T06:00"),
        ("22:00-06:00", "2026-07-02T06:00", "2026-07-02T06:00"),
        ("09:00-17:00", "2026-07-01T12:00", "2026-07-01T17:00"),
        # Clocks are put forward at 2:00 on 2026-03-29, and back at 3:00 on 2026-10-25.
        ("22:00-06:00", "2026-03-28T23:00", "2026-03-29T06:00"),
        ("22:00-06:00", "2026-10-24T23:00", "2026-10-25T06:00"),
    ],
)
def test_a_run_waits_for_the_end_of_quiet_hours(quiet: str, due: str, start: str) -> None:
    """Wall-clock times of the zone, also over midnight and when clocks change."""
    day, clock = due.split("T")
    last_day, last_clock = start.split("T")

    assert _start(quiet, _at(clock, day)) == _at(last_clock, last_day)


def test_jitter_is_the_same_whoever_asks() -> None:
    """Two workers, or one that asks twice, come to the same instant; other runs come to others."""
    due = _at("12:00")
    pacing = Pacing(jitter=600.0)
    starts = [pacing.not_before(scheduled=due, now=due, run_id=UUID(int=n)) for n in (1, 1, 2, 3)]

    assert starts[0] == starts[1]
    assert len(set(starts)) == 3
    assert all(due <= start <= due + timedelta(seconds=600) for start in starts)


@given(
    now=st.datetimes(min_value=datetime(2026, 1, 1), max_value=datetime(2027, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - hypothesis wants them so
    quiet=st.tuples(st.times(), st.times()).filter(lambda pair: pair[0] != pair[1]),
    jitter=st.sampled_from([0.0, 60.0, 86_400.0]),
)
def test_waiting_comes_to_an_end(now: datetime, quiet: tuple[time, time], jitter: float) -> None:
    """A run that is looked at again when it said so waits no third time."""
    pacing = Pacing(jitter=jitter, quiet=quiet, zone=BERLIN)
    at, looks = now, 0
    while (later := pacing.not_before(scheduled=now, now=at, run_id=RUN)) > at:
        at, looks = later, looks + 1
        assert looks <= 2

"""From when on a scheduled run may start, where Prefect's own schedules cannot say it. Pure.

A deployment carries its pacing as job variables, so that every worker of the pool reads the same.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta, tzinfo
from typing import Any, Final
from uuid import UUID
from zoneinfo import ZoneInfo

from vidra.settings import ScheduleSettings

JITTER: Final = "vidra_jitter"
QUIET_HOURS: Final = "vidra_quiet_hours"
ZONE: Final = "vidra_quiet_zone"
VARIABLES: Final = frozenset({JITTER, QUIET_HOURS, ZONE})
"""Job variables that are ours."""


def pacing_variables(schedule: ScheduleSettings, zone: str | None) -> dict[str, Any]:
    """Return the job variables that say the schedule's jitter and quiet hours; none without them."""
    variables: dict[str, Any] = {}
    if schedule.jitter:
        variables[JITTER] = schedule.jitter
    if schedule.quiet_hours is not None:
        variables |= {QUIET_HOURS: schedule.quiet_hours, ZONE: zone or "UTC"}
    return variables


@dataclass(frozen=True, kw_only=True, slots=True)
class Pacing:
    """Jitter in seconds, and quiet hours as wall-clock times of a zone."""

    jitter: float = 0.0
    quiet: tuple[time, time] | None = None
    """Start and end; the end is no longer quiet. A start after the end means over midnight."""
    zone: tzinfo = UTC

    @classmethod
    def read(cls, variables: Mapping[str, Any]) -> Pacing:
        """Return what job variables say. Raises `ValueError` or `KeyError` for what a person mistyped."""
        quiet = variables.get(QUIET_HOURS)
        start, _, end = (quiet or "").partition("-")
        return cls(
            jitter=float(variables.get(JITTER) or 0.0),
            quiet=(time.fromisoformat(start), time.fromisoformat(end)) if quiet else None,
            zone=ZoneInfo(variables.get(ZONE) or "UTC"),
        )

    def not_before(self, *, scheduled: datetime, now: datetime, run_id: UUID) -> datetime:
        """Return when the run may start; an instant that is not after `now` means now.

        The share of the jitter comes from the run's id: whoever asks, and however often, it is the same.
        """
        late = timedelta(seconds=random.Random(run_id.int).uniform(0, self.jitter))  # noqa: S311 - no secret
        start = scheduled + late
        if start > now and not self._quiet(start):
            return start
        end = self._end_of_quiet(max(start, now))
        if end is None:
            return start
        return end + late if not self._quiet(end + late) else end

    def _quiet(self, moment: datetime) -> bool:
        return self._end_of_quiet(moment) is not None

    def _end_of_quiet(self, moment: datetime) -> datetime | None:
        """Return when the quiet hours around the moment end; None if it lies in none."""
        if self.quiet is None:
            return None
        start, end = self.quiet
        local = moment.astimezone(self.zone)
        clock = local.time()
        inside = start <= clock < end if start < end else clock >= start or clock < end
        if not inside:
            return None
        day = local.date() if clock < end else local.date() + timedelta(days=1)
        # `fold` says which of the two hours it is when clocks are put back.
        over = datetime.combine(day, end, tzinfo=self.zone).replace(fold=local.fold).astimezone(UTC)
        return over if over > moment else None

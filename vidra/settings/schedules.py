"""Schedules of the owner, in place of those that ship with Vidra."""

from __future__ import annotations

import re
from typing import Annotated
from zoneinfo import ZoneInfo

from pydantic import AfterValidator, Field, model_validator

from vidra.settings.constraints import Accepts, CronText, NonEmptyStr, Seconds, Timeout
from vidra.settings.section import Section

_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]"
_QUIET = re.compile(rf"({_CLOCK})-({_CLOCK})\Z")


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (KeyError, ValueError, OSError) as exc:  # unknown, absolute, or the name of a folder
        raise ValueError("expected a time zone such as `Europe/Berlin`") from exc
    return value


def _quiet(value: str) -> str:
    found = _QUIET.match(value)
    if found is None or found[1] == found[2]:
        raise ValueError("expected two different times of day such as `22:00-06:00`")
    return value


ZoneName = Annotated[NonEmptyStr, AfterValidator(_zone), Accepts("a time zone such as `Europe/Berlin`")]
QuietHours = Annotated[
    NonEmptyStr, AfterValidator(_quiet), Accepts("two times of day such as `22:00-06:00`, the end excluded")
]


class ScheduleSettings(Section):
    """When a deployment runs by itself; what is left out stays as it ships.

    ```yaml
    schedules:
      library-scan:
        cron: "0 3 * * *"
        timezone: Europe/Berlin
        jitter: 600
        quiet_hours: "18:00-23:00"
    ```

    A run that comes due in quiet hours waits for their end; runs that were missed become one. Runs that
    somebody asks for start at once.
    """

    cron: CronText | None = Field(default=None, description="When to run; instead of `interval`.")
    interval: Timeout | None = Field(default=None, description="Seconds between two runs; instead of `cron`.")
    timezone: ZoneName | None = Field(
        default=None, description="Time zone of `cron` and `quiet_hours`; empty: as shipped, or UTC."
    )
    jitter: Seconds = Field(default=0.0, description="Each run starts up to this much later, by chance.")
    quiet_hours: QuietHours | None = Field(
        default=None, description="Time of day in which no scheduled run starts."
    )
    active: bool = Field(default=True, description="Whether the deployment runs by itself at all.")

    @model_validator(mode="after")
    def _one_rhythm(self) -> ScheduleSettings:
        if self.cron is not None and self.interval is not None:
            raise ValueError("expected either `cron` or `interval`, not both")
        return self

"""Schedules of a real engine: they fire, and what an outage made them miss becomes one run."""

from __future__ import annotations

import sys
import time
from datetime import UTC, datetime
from typing import Final

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import active_slots, flow_runs, media_data, unfinished_runs
from tests.faults.ageing import age
from vidra.engine.runs import RunInfo

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]

FIRST: Final = 90.0
"""PF-01: seconds in which a schedule has to have fired."""
BACK: Final = 60.0
"""PF-03: seconds from the start after an outage to the end of the next run."""
EVERY: Final = 20.0


def _subscribe(shell: Shell, address: str, rhythm: str) -> None:
    with shell.config.open("a", encoding="utf-8") as file:
        file.write("limits: {downloads: 1}\n")
        file.write(f"subscriptions: {{clips: {{urls: ['{address}'], schedule: {rhythm}}}}}\n")


def _runs(shell: Shell) -> list[RunInfo]:
    """Return the runs that the schedule has brought about, the newest first."""
    return [run for run in flow_runs(shell) if "subscription" in run.tags]


def _completed(shell: Shell, *, since: datetime) -> list[RunInfo]:
    return [run for run in _runs(shell) if run.state_type == "COMPLETED" and _begun(run) >= since]


def _begun(run: RunInfo) -> datetime:
    return run.started or datetime.min.replace(tzinfo=UTC)


def test_a_cron_schedule_of_a_new_installation_fires(new_shell: Shell) -> None:
    """PF-01: `* * * * *` in the configuration, `vidra up` in an empty folder, a run that completes."""
    _subscribe(new_shell, new_shell.site.url("/feed/2.rss"), '{cron: "* * * * *"}')
    began, now = time.monotonic(), datetime.now(UTC)
    new_shell.up()
    wait_until(lambda: bool(_completed(new_shell, since=now)), FIRST)

    sys.stdout.write(f"the first scheduled run had completed {time.monotonic() - began:.1f} s after `up`\n")
    assert len(new_shell.shelf()) == 2
    new_shell.down()


def _cut_in_the_middle(shell: Shell) -> str:
    """Cut the power while a scheduled run, of which only one may be under way, downloads; return its tag."""
    tag = f"tag{shell.shim}"
    rate = int(shell.site.file("m/vid000.mp4").stat().st_size / 20)
    address = shell.site.url(f"/files/1/rate{rate},etag1,{tag}/vid000.mp4.rss")
    _subscribe(shell, address, f"{{interval: {EVERY:g}}}")
    shell.up()
    wait_until(lambda: any(one.stat().st_size > 20_000 for one in shell.root.rglob("*.part")), 90)
    wait_until(lambda: active_slots(shell) == 2, 20)  # of the deployment, and of the downloads
    shell.kill_everything()
    return tag


def _goes_on(shell: Shell, outage: float) -> None:
    """Start again: the next run is through within a minute, and the missed ones have become one."""
    began, now = time.monotonic(), datetime.now(UTC)
    shell.up()
    wait_until(lambda: bool(_completed(shell, since=now)), BACK)
    took = time.monotonic() - began
    wait_until(lambda: bool(shell.shelf()) and not unfinished_runs(shell), 60)

    since = time.monotonic() - began
    started = [run for run in _runs(shell) if _begun(run) >= now and run.state_type != "CANCELLED"]
    sys.stdout.write(f"after {outage:g} s: next run through in {took:.1f} s, {len(started)} began since\n")
    assert len(started) <= 2 + since // EVERY  # PF-09: one for all that were missed, and those due since
    (arrived,) = shell.shelf()
    assert media_data(shell.root / "library" / arrived) == media_data(shell.site.file("m/vid000.mp4"))
    assert not [run for run in _runs(shell) if not run.final and _begun(run) < now]
    wait_until(lambda: active_slots(shell) == 0, 30)  # PF-06: no run, no slot
    shell.down()


def test_after_an_hours_outage_a_schedule_goes_on_with_one_run(shell: Shell) -> None:
    """PF-03, PF-06, PF-09: limit 1, everything killed, all that remembers a time aged by an hour."""
    _cut_in_the_middle(shell)
    assert age(shell.data, 3600) > 100
    _goes_on(shell, 3600)


@pytest.mark.long
@pytest.mark.timeout(900)
@pytest.mark.parametrize("outage", [5.0, 150.0, 300.0])
def test_after_an_outage_a_schedule_goes_on_with_one_run(shell: Shell, outage: float) -> None:
    """PF-03 with real time; 300 s are longer than Prefect's own leases, and fifteen missed runs (PF-09)."""
    _cut_in_the_middle(shell)
    time.sleep(outage)
    _goes_on(shell, outage)

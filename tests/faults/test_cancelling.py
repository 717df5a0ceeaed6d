"""Cancelling a download at each door there is: its processes are gone at once, and it does not come back."""

from __future__ import annotations

import asyncio
import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final

import httpx
import psutil
import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import active_slots, jobs, moment_of, unfinished_runs
from vidra.engine import runs
from vidra.engine.environment import applied
from vidra.engine.lifecycle.running import engine_environment
from vidra.engine.worker import owners
from vidra.settings import load_settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

BOUND: Final = 2.0
"""Issue 3: seconds from `Cancelling` to the end of the run's last process, on a machine that is not busy."""
LATEST: Final = 15.0
"""PF-10: the same, what nobody may exceed on whatever machine; and until the job has settled."""


@dataclass(frozen=True, kw_only=True)
class Running:
    """A download that is under way, and the process group it is done in."""

    job_id: str
    run_id: str
    group: int

    @property
    def processes(self) -> list[int]:
        """Those of the group that are alive."""
        return [process.pid for process in psutil.process_iter() if _lives_in(process, self.group)]


def _lives_in(process: psutil.Process, group: int) -> bool:
    try:
        return process.status() != psutil.STATUS_ZOMBIE and os.getpgid(process.pid) == group
    except (psutil.Error, ProcessLookupError):
        return False


def _begin(shell: Shell, number: int) -> Running:
    path = f"/p/rate20000,etag1,tag{shell.shim}c{number}/m/vid001.mp4"
    address = shell.site.url(path)
    asked = shell.run("flow", "run", "download-job", address, "--detach")
    assert asked.returncode == 0, asked.stderr
    wait_until(lambda: bool(list(shell.root.rglob("*.part"))), 60)
    (job,) = [one for one in jobs(shell) if one["urls"] == [address]]
    owner = owners.owner(shell.data / "prefect", job["flow_run_ids"][-1])
    assert owner is not None
    return Running(job_id=job["job_id"], run_id=job["flow_run_ids"][-1], group=os.getpgid(owner.pid))


def _in_prefect(shell: Shell, running: Running) -> None:
    """Do what the button of the Prefect UI does."""
    environment = engine_environment(load_settings(config=shell.config, environ={}))
    assert environment is not None
    with applied(environment):
        asyncio.run(runs.cancel(running.run_id))


def _through_the_api(shell: Shell, running: Running) -> None:
    token = (shell.data / "server_token").read_text(encoding="utf-8").strip()
    url = f"http://127.0.0.1:{shell.shim}/api/jobs/{running.job_id}/cancel"
    httpx.post(url, headers={"X-API-Token": token}, timeout=30).raise_for_status()


def _the_run_by_command(shell: Shell, running: Running) -> None:
    assert shell.run("flow", "cancel", running.run_id).returncode == 0


def _the_job_by_command(shell: Shell, running: Running) -> None:
    assert shell.run("job", "cancel", running.job_id).returncode == 0


Door = Callable[[Shell, Running], None]
DOORS: Final[Mapping[Door, str]] = {
    _in_prefect: "paused",
    _through_the_api: "cancelled",
    _the_run_by_command: "paused",
    _the_job_by_command: "cancelled",
}
"""How each job stands afterwards: one whose run was ended can be resumed."""


def _cancelled(shell: Shell, door: Door, number: int) -> float:
    """Cancel a download; return the seconds from Prefect's `Cancelling` until no process of it was left."""
    running = _begin(shell, number)
    assert running.processes
    with ThreadPoolExecutor(1) as somebody:  # the processes may be gone before a command has ended
        acting = somebody.submit(door, shell, running)
        wait_until(lambda: not running.processes, 60)
        gone = time.time()
        acting.result()
    took = gone - moment_of(shell, running.run_id, "CANCELLING")
    assert took < LATEST, (door.__name__, number, took)
    wait_until(lambda: _status(shell, running) == DOORS[door], LATEST)
    assert running.processes == []
    if DOORS[door] == "paused":
        assert list(shell.root.rglob("*.part"))  # what is there is kept, and can be resumed
        _the_job_by_command(shell, running)
    wait_until(lambda: not list(shell.root.rglob("*.part")), LATEST)
    return took


def _status(shell: Shell, running: Running) -> str:
    (job,) = [one for one in jobs(shell) if one["job_id"] == running.job_id]
    return str(job["status"])


@pytest.mark.parametrize("rounds", [1, pytest.param(25, marks=[pytest.mark.long, pytest.mark.timeout(3600)])])
def test_a_cancelled_download_is_gone_at_once_and_stays_away(shell: Shell, rounds: int) -> None:
    """PF-10, PF-06: four doors, and 100 of 100 in the long form; no run, no slot and no part is left."""
    with shell.config.open("a", encoding="utf-8") as file:
        file.write("limits: {downloads: 3}\n")
    shell.up()
    took = [
        _cancelled(shell, door, number * len(DOORS) + place)
        for number in range(rounds)
        for place, door in enumerate(DOORS)
    ]
    sys.stdout.write(
        f"{len(took)} cancelled: median {statistics.median(took):.2f} s, longest {max(took):.2f} s\n"
    )
    assert (min if rounds == 1 else statistics.median)(took) < BOUND  # the suite runs on busy machines
    time.sleep(6.0)  # longer than a round of the recovery, which must not bring any of them back
    assert unfinished_runs(shell) == []
    assert {job["status"] for job in jobs(shell)} == {"cancelled"}
    assert active_slots(shell) == 0
    shell.down()

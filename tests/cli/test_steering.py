"""Jobs and runs told what to do through a real engine; one start for all, it takes seconds."""

from __future__ import annotations

import json

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def _status(shell: Shell) -> str:
    return str(shell.jobs()[0]["status"])


def _partial(shell: Shell) -> bool:
    return any(path.stat().st_size > 30_000 for path in shell.root.rglob("*.part"))


def _runs(shell: Shell, job: str) -> list[str]:
    shown: dict[str, list[str]] = json.loads(shell.run("job", "show", job, "--json").stdout)
    return shown["flow_run_ids"]


def _obeyed(shell: Shell, *arguments: str) -> str:
    done = shell.run(*arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def test_a_job_is_paused_resumed_cancelled_and_retried_through_the_engine(shell: Shell) -> None:
    """Each command returns when it has taken effect; the job's runs are listed, watched and read."""
    shell.up()
    path = f"/p/rate50000,etag1,tag{shell.shim}/m/vid001.mp4"  # slow enough to be there still when cancelled
    _obeyed(shell, "flow", "run", "download-job", shell.site.url(path), "--detach")
    wait_until(lambda: _partial(shell), 60)
    job = shell.jobs()[0]["job_id"]

    assert "paused job" in _obeyed(shell, "job", "pause", job)
    assert _status(shell) == "paused"
    assert _partial(shell)

    assert "resumed job" in _obeyed(shell, "job", "resume", job)
    wait_until(lambda: _status(shell) == "running", 30)
    assert "cancelled job" in _obeyed(shell, "job", "cancel", job)
    assert _status(shell) == "cancelled"
    assert not _partial(shell)
    assert shell.run("job", "pause", job).returncode == 1

    assert "runs again" in _obeyed(shell, "job", "retry", job)
    wait_until(lambda: len(_runs(shell, job)) == 3, 30)  # a run names itself when it takes the job up
    newest = _runs(shell, job)[-1]
    watched = _obeyed(shell, "flow", "watch", newest)
    listed = json.loads(_obeyed(shell, "flow", "runs", "--json"))
    mine = [run for run in listed if run["job_id"] == job]  # scheduled flows have runs of their own
    log = _obeyed(shell, "flow", "logs", newest[:13], "--follow")

    assert watched.splitlines()[-1].startswith("Completed")
    assert _status(shell) == "completed"
    assert len(shell.shelf()) == 1
    assert (mine[0]["run_id"], mine[0]["state_type"]) == (newest, "COMPLETED")
    assert len(mine) == 3
    assert all(run["final"] for run in mine)
    assert log.splitlines()
    assert "nothing to cancel" in _obeyed(shell, "flow", "cancel", newest)
    shell.down()

"""Subscriptions and selection as a person uses them: whole processes, one start of each kind for all."""

from __future__ import annotations

import json
from functools import partial

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from vidra.engine.jobs.submission import submit
from vidra.media.request import DownloadRequest
from vidra.settings import load_settings
from vidra.state import open_state

pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]


def _declare(shell: Shell, text: str) -> None:
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(f"subscriptions:\n{text}")


def _said(shell: Shell, *arguments: str, code: int = 0) -> str:
    done = shell.run(*arguments)
    assert done.returncode == code, done.stdout + done.stderr
    return done.stdout


def test_subscriptions_work_without_an_engine(shell: Shell) -> None:
    """Plan, run, list, check, pause and resume; a wrong name is answered with the right one."""
    _declare(shell, f"  talks: {{urls: '{shell.site.url('/pages/feed-2.rss')}', rules: {{max_items: 1}}}}\n")

    assert "1 download, 1 later" in _said(shell, "subscription", "plan", "talks")
    assert shell.shelf() == []
    assert "ok: 2 listed, 1 new, 1 downloaded" in _said(shell, "subscription", "run", "talks")
    assert len(shell.shelf()) == 1
    (card,) = json.loads(_said(shell, "subscription", "ls", "--json"))
    assert (card["held"], card["last_run"]["result"], card["next_run"]) == (1, "ok", None)
    assert "all is well" in _said(shell, "subscription", "check")
    assert "paused talks" in _said(shell, "subscription", "pause", "talks")
    assert "resumed talks" in _said(shell, "subscription", "resume", "talks")
    wrong = shell.run("subscription", "run", "talk")
    assert wrong.returncode == 2
    assert "did you mean `talks`?" in wrong.stderr


def _waiting_job(shell: Shell) -> str:
    settings = load_settings(config=shell.config, environ={})
    state = open_state(shell.data)
    request = DownloadRequest.model_validate({"urls": [shell.site.url("/feed.rss")]})
    job = submit(request, settings=settings, state=state, asks_selection=True)
    state.close()
    return job.job_id


def _job(shell: Shell, job_id: str) -> dict[str, object]:
    found: dict[str, object] = next(job for job in shell.jobs() if job["job_id"] == job_id)
    return found


def _waits(shell: Shell, job_id: str) -> bool:
    return "Waiting for a selection" in str(_job(shell, job_id))


def test_a_choice_survives_a_restart_and_a_schedule_runs_by_itself(shell: Shell) -> None:
    """A list waits without a run, before and after the restart; a second one that is cancelled goes."""
    _declare(
        shell,
        f"  talks: {{urls: '{shell.site.url('/pages/feed-1.rss')}', schedule: {{interval: 5}}}}\n",
    )
    chosen, unwanted = _waiting_job(shell), _waiting_job(shell)
    shell.up()
    for job_id in (chosen, unwanted):
        wait_until(partial(_waits, shell, job_id), 60)
    wait_until(lambda: any(job.get("creator") == "subscription:talks" for job in shell.jobs()), 60)
    shell.down()
    shell.up()

    assert "downloads 1,3" in _said(shell, "job", "select", chosen, "1,3-3")
    wait_until(lambda: _job(shell, chosen)["status"] == "completed", 60)
    assert "cancelled" in _said(shell, "job", "cancel", unwanted)
    assert unwanted not in [job["job_id"] for job in shell.jobs()]
    assert shell.run("job", "select", chosen, "all").returncode == 1
    assert len(shell.shelf()) == 3

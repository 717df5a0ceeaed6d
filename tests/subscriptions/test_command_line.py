"""Subscriptions and selection as a person uses them: whole processes, one start of each kind for all."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until

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
    url = shell.site.url("/pages/feed-2.rss")
    _declare(shell, f"  base: {{rules: {{max_items: 1}}}}\n  talks: {{extends: base, urls: '{url}'}}\n")

    assert "1 download, 1 later" in _said(shell, "subscription", "plan", "talks")
    assert shell.shelf() == []
    shown = _said(shell, "subscription", "run", "talks")
    assert "Looking what is new: talks" in shown
    assert "Test clip 1" in shown.partition("ok: 2 listed, 1 new, 1 downloaded")[0]
    assert "ok: 2 listed, 1 new, 1 downloaded" in shown
    assert len(shell.shelf()) == 1
    (card,) = json.loads(_said(shell, "subscription", "ls", "--json"))
    assert (card["held"], card["last_run"]["result"], card["next_run"]) == (1, "ok", None)
    assert "all is well" in _said(shell, "subscription", "check")
    assert "paused talks" in _said(shell, "subscription", "pause", "talks")
    assert "resumed talks" in _said(shell, "subscription", "resume", "talks")
    for name, said in (("talk", "did you mean `talks`?"), ("base", "only there to be extended")):
        wrong = shell.run("subscription", "run", name)
        assert (wrong.returncode, said in wrong.stderr) == (2, True)


def _waiting_job(shell: Shell, feed: str) -> str:
    known = {job["job_id"] for job in shell.jobs()}
    _said(shell, "flow", "run", "download-job", shell.site.url(feed), "--ask", "--detach")
    (new,) = [job["job_id"] for job in shell.jobs() if job["job_id"] not in known and not job.get("creator")]
    return str(new)


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
    shell.up()
    chosen, unwanted = _waiting_job(shell, "/feed.rss"), _waiting_job(shell, "/podcast.rss")
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
    _retries_and_drops_a_failed_entry(shell)


def _retries_and_drops_a_failed_entry(shell: Shell) -> None:
    """Only the failed one is tried again; once it is taken out, the tallies follow."""
    known = {job["job_id"] for job in shell.jobs()}
    _said(shell, "flow", "run", "download-job", shell.site.url("/odd/feed-one-bad.rss"), code=3)
    (job_id,) = [job["job_id"] for job in shell.jobs() if job["job_id"] not in known]
    media = len(shell.site.requests("/m/"))
    assert "tries 1 again" in _said(shell, "job", "retry-entries", job_id, "1")
    wait_until(lambda: len(_shown(shell, job_id)["flow_run_ids"]) == 2, 60)
    wait_until(lambda: _job(shell, job_id)["status"] == "completed_with_errors", 60)

    assert len(shell.site.requests("/m/")) == media
    assert shell.run("job", "retry-entries", job_id, "2").returncode == 1
    assert "took 1 out" in _said(shell, "job", "drop", job_id, "1")
    assert [entry["status"] for entry in _shown(shell, job_id)["entries"]].count("removed") == 1
    assert "3 completed, 1 removed" in _said(shell, "job", "show", job_id)


def _shown(shell: Shell, job_id: str) -> dict[str, Any]:
    page: dict[str, Any] = json.loads(_said(shell, "job", "show", job_id, "--json"))
    return page

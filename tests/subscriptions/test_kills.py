"""A subscription killed at any moment: the next run brings what is missing, and little twice."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import all_arrived, finished, jobs

pytestmark = [pytest.mark.slow]

FILES = 20
WINDOW = 3.0
"""Seconds after a run has begun to download within which it is killed."""


@pytest.mark.timeout(300)
def test_after_two_kills_the_next_run_brings_everything(shell: Shell) -> None:
    """Short version of the loop below."""
    _survives(shell, kills=2, seed=random.randrange(1 << 32))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_after_twenty_kills_the_next_run_brings_everything(shell: Shell) -> None:
    """Issue 5: twenty random moments of a run with twenty items; none is lost, at most one fetched twice.

    What comes after the kills is a run that the engine begins by schedule.
    """
    _survives(shell, kills=20, seed=random.randrange(1 << 32), last=_by_schedule)


def _by_hand(shell: Shell) -> None:
    last = shell.run("subscription", "run", "talks", "--json", timeout=200)
    assert last.returncode == 0, (last.stdout, last.stderr)


def _by_schedule(shell: Shell) -> None:
    engine = shell.up()
    wait_until(lambda: finished(shell) and _card(shell)["held"] == FILES, 300)
    engine.terminate()
    engine.communicate(timeout=60)


def _card(shell: Shell) -> dict[str, Any]:
    (card,) = json.loads(shell.run("subscription", "ls", "--json").stdout)
    return card  # type: ignore[no-any-return]  # JSON


def _survives(shell: Shell, *, kills: int, seed: int, last: Callable[[Shell], None] = _by_hand) -> None:
    moments = random.Random(seed)
    original = shell.site.file("m/vid000.mp4")
    tag = f"tag{shell.shim}"
    rate = int(original.stat().st_size * (FILES / 4) / (kills * WINDOW + 2))
    url = shell.site.url(f"/files/{FILES}/rate{rate},etag1,{tag}/vid000.mp4.rss")
    with shell.config.open("a", encoding="utf-8") as file:
        file.write("limits: {downloads: 4}\n")
        # Without a title of its own in each file, all of them are the same bytes.
        file.write(
            f"subscriptions: {{talks: {{urls: '{url}', schedule: {{cron: '* * * * *'}},"
            " options: {embed_metadata: false}}}\n"
        )
    for kill in range(kills):
        run = shell.start("subscription", "run", "talks", "--json")
        shell.engines.append(run)
        before = len(jobs(shell)) and jobs(shell)[0]["flow_run_ids"]
        wait_until(partial(_has_begun, shell, before), 90)
        time.sleep(moments.uniform(0.0, WINDOW))  # not a wait for something: the random moment itself
        shell.kill_everything()
        assert shell.run("state", "check").returncode == 0, (seed, kill)
    last(shell)

    all_arrived(shell, original, number=FILES, containing=tag, seed=seed)
    lines = (shell.data / "archive.txt").read_text().splitlines()  # our key and yt-dlp's own
    assert len(lines) == len(set(lines)) == 2 * FILES, seed
    assert _card(shell)["held"] == FILES, seed
    assert shell.run("archive", "check").returncode == 0, seed
    assert shell.run("state", "check").returncode == 0, seed


def _has_begun(shell: Shell, before: object) -> bool:
    """Whether a new run works on the job."""
    there = jobs(shell)
    return (
        bool(there) and there[0]["status"] in {"running", "completed"} and there[0]["flow_run_ids"] != before
    )

"""Every process killed at once, at any moment: nothing is lost, nothing is damaged, nothing hangs."""

from __future__ import annotations

import random
import time

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import (
    active_slots,
    all_arrived,
    finished,
    unfinished_runs,
)  # fmt: skip

pytestmark = [pytest.mark.slow]

FILES = 20


WINDOW = 4.0
"""Seconds after the engine is ready within which the power goes."""


@pytest.mark.timeout(300)
def test_after_two_power_cuts_all_files_are_there(shell: Shell) -> None:
    """Issue 3, item 5: short version of the loop below."""
    _survives(shell, cuts=2, seed=random.randrange(1 << 32))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_after_twenty_power_cuts_all_files_are_there(shell: Shell) -> None:
    """Issue 3, item 5: twenty random moments of one job of twenty files."""
    _survives(shell, cuts=20, seed=random.randrange(1 << 32))


def _survives(shell: Shell, *, cuts: int, seed: int) -> None:
    """Cut the power at moments that the seed decides; whatever fails names it."""
    moments = random.Random(seed)
    original = shell.site.file("m/vid000.mp4")
    tag = f"tag{shell.shim}"
    # So slow that the last cut still finds work, four files at a time.
    rate = int(original.stat().st_size * (FILES / 4) / (cuts * WINDOW + 4))
    with shell.config.open("a", encoding="utf-8") as file:
        file.write("limits: {downloads: 4}\n")  # whose slots have to come back
    shell.up()
    feed = shell.site.url(f"/files/{FILES}/rate{rate},etag1,{tag}/vid000.mp4.rss")
    plain = ("--option", "embed_metadata=false")  # else every file gets a title of its own
    asked = shell.run("flow", "run", "download-job", feed, "--detach", *plain)
    assert asked.returncode == 0, asked.stderr
    for cut in range(cuts):
        time.sleep(moments.uniform(0.0, WINDOW))  # not a wait for something: the random moment itself
        shell.kill_everything()
        assert shell.run("state", "check").returncode == 0, (seed, cut)
        shell.up()
    wait_until(lambda: finished(shell), 240)
    wait_until(lambda: not unfinished_runs(shell), 30)

    all_arrived(shell, original, number=FILES, containing=tag, seed=seed)
    wait_until(lambda: active_slots(shell) == 0, 30)
    shell.down()

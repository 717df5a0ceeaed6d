"""Every process killed at once, at any moment: nothing is lost, nothing is damaged, nothing hangs."""

from __future__ import annotations

import random
import sys
import time
from dataclasses import dataclass, field
from typing import Final

import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import (
    active_slots,
    all_arrived,
    bytes_per_address,
    finished,
    under_way,
    unfinished_runs,
)  # fmt: skip

pytestmark = [pytest.mark.slow]

FILES: Final = 20
AT_A_TIME: Final = 4
BY_THE_CLOCK: Final = 5
"""One cut of so many comes some time after the engine is ready, whatever the job is doing by then."""


@dataclass
class Cut:
    """One power cut: how much of the job had arrived (0 to 1), and how many bodies were on their way."""

    progress: float
    on_their_way: int

    def __str__(self) -> str:
        """Return it as a person reads it."""
        return f"{self.progress:.0%}/{self.on_their_way}"


@dataclass
class PacedJob:
    """A job of twenty files, so slow that cuts can be spread over the whole of it."""

    shell: Shell
    cuts: int
    moments: random.Random
    fallen: list[Cut] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Choose the pace: a second and a half between two cuts, four files at a time."""
        self.original = self.shell.site.file("m/vid000.mp4")
        self.size = self.original.stat().st_size
        self.tag = f"tag{self.shell.shim}"
        self.rate = int(self.size * (FILES / AT_A_TIME) / (1.5 * self.cuts + 4))

    def begin(self) -> None:
        """Ask for it."""
        feed = self.shell.site.url(f"/files/{FILES}/rate{self.rate},etag1,{self.tag}/vid000.mp4.rss")
        plain = ("--option", "embed_metadata=false")  # else every file gets a title of its own
        asked = self.shell.run("flow", "run", "download-job", feed, "--detach", *plain)
        assert asked.returncode == 0, asked.stderr

    @property
    def progress(self) -> float:
        """How much of the whole job the site has sent; what was sent twice counts once."""
        sent = bytes_per_address(self.shell, self.tag).values()
        return sum(min(count, self.size) for count in sent) / (self.size * FILES)

    def cut(self, number: int) -> None:
        """Wait for a random moment of what is left of the job, and kill everything."""
        if number % BY_THE_CLOCK == BY_THE_CLOCK - 1:
            time.sleep(self.moments.uniform(0.0, 3.0))  # not a wait for something: the moment itself
        else:
            share = self.moments.uniform(0.0, 2.0) / (self.cuts - number + 1)
            goal = self.progress + (1.0 - self.progress) * share
            wait_until(lambda: self.progress >= goal, 90)
        self.fallen.append(Cut(progress=self.progress, on_their_way=under_way(self.shell, self.tag)))
        self.shell.kill_everything()


@pytest.mark.timeout(300)
def test_after_two_power_cuts_all_files_are_there(shell: Shell) -> None:
    """Issue 3, item 5: short version of the loop below."""
    _survives(shell, cuts=2, seed=random.randrange(1 << 32))


@pytest.mark.long
@pytest.mark.timeout(3600)
def test_after_twenty_power_cuts_all_files_are_there(shell: Shell) -> None:
    """Issue 3, item 5: twenty random moments of one job of twenty files, from its first bytes to its last."""
    fallen = _survives(shell, cuts=20, seed=random.randrange(1 << 32))

    assert sum(cut.on_their_way > 0 for cut in fallen) >= 14
    assert fallen[0].progress < 0.2
    assert max(cut.progress for cut in fallen) > 0.7


def _survives(shell: Shell, *, cuts: int, seed: int) -> list[Cut]:
    """Cut the power at moments that the seed decides, return them; whatever fails names the seed."""
    job = PacedJob(shell, cuts, random.Random(seed))
    with shell.config.open("a", encoding="utf-8") as file:
        file.write(f"limits: {{downloads: {AT_A_TIME}}}\n")  # whose slots have to come back
    shell.up()
    job.begin()
    for number in range(cuts):
        job.cut(number)
        assert shell.run("state", "check").returncode == 0, (seed, number)
        shell.up()
    sys.stdout.write(f"seed {seed}; arrived/on their way: {', '.join(map(str, job.fallen))}\n")
    wait_until(lambda: finished(shell) or _as_many_slots_as_downloads(job), 60)
    wait_until(lambda: finished(shell), 240)
    wait_until(lambda: not unfinished_runs(shell), 30)

    all_arrived(shell, job.original, number=FILES, containing=job.tag, seed=seed)
    wait_until(lambda: active_slots(shell) == 0, 30)
    shell.down()
    return job.fallen


def _as_many_slots_as_downloads(job: PacedJob) -> bool:
    """Whether the limit counts what is really under way (PF-06), none of it left over from before a cut."""
    return 0 < active_slots(job.shell) == under_way(job.shell, job.tag)

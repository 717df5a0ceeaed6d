"""A run's downloads in processes of their own: they end alone, and with the run."""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from contextlib import suppress

import psutil
import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import all_arrived, finished, jobs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]

FILES = 6
_NURSERY = "vidra.engine.worker.nursery"


def _declare(shell: Shell, *, processes: int, rate: int, files: int = FILES, retries: int = 2) -> str:
    """Declare a subscription to files that take a while."""
    tag = f"tag{shell.shim}"
    url = shell.site.url(f"/files/{files}/rate{rate},etag1,{tag}/vid000.mp4.rss")
    text = shell.config.read_text("utf-8")
    own = f"downloads: {{processes: {processes}, retry_delay: 0.1, "
    shell.config.write_text(
        text.replace("downloads: {", own).replace("retries: 0", f"retries: {retries}")
        + f"subscriptions: {{talks: {{urls: '{url}', options: {{embed_metadata: false}}}}}}\n",
        "utf-8",
    )
    return tag


def _generation(shell: Shell, number: int) -> Sequence[psutil.Process]:
    """Return forks of the engine's nursery: 1 are runs, 2 their companions, 3 the processes that download."""
    return [p for p in shell.processes() if _depth(p) == number]


def _depth(process: psutil.Process) -> int:
    try:
        return sum(_NURSERY in parent.cmdline() for parent in process.parents() if _is_fork(process))
    except psutil.NoSuchProcess:
        return 0


def _is_fork(process: psutil.Process) -> bool:
    return _NURSERY in process.cmdline()


def _lives(process: psutil.Process) -> bool:
    """Whether it still does anything; who takes leave of orphans may take his time."""
    with suppress(psutil.NoSuchProcess):
        return process.status() != psutil.STATUS_ZOMBIE
    return False


def _downloading(shell: Shell) -> Callable[[], bool]:
    """Whether several processes download."""
    return lambda: len(_generation(shell, 3)) >= 2 and any(shell.root.rglob("*.part"))


@pytest.fixture
def rate(shell: Shell) -> int:
    """So many bytes a second make a file take five seconds."""
    return shell.site.file("m/vid000.mp4").stat().st_size // 5


def test_an_entry_whose_process_is_killed_is_tried_again(shell: Shell, rate: int) -> None:
    """By another one; the others notice nothing, and there are never more than declared."""
    tag = _declare(shell, processes=2, rate=rate)
    shell.up()
    run = shell.start("subscription", "run", "talks", "--json")
    wait_until(_downloading(shell), 60)
    _generation(shell, 3)[0].kill()
    output, _ = run.communicate(timeout=120)

    assert run.returncode == 0, output
    all_arrived(shell, shell.site.file("m/vid000.mp4"), number=FILES, containing=tag, seed=0)
    log = shell.run("job", "logs", "-n", "999", jobs(shell)[0]["job_id"]).stdout
    assert "the process that downloaded this has ended unexpectedly" in log
    assert not _generation(shell, 3)


@pytest.mark.long
@pytest.mark.timeout(900)
def test_after_twenty_kills_of_them_everything_is_there(shell: Shell, rate: int) -> None:
    """Whichever is hit, whenever; the last to go is the one that forks them, and the run ends alone."""
    moments = random.Random(seed := random.randrange(1 << 32))
    tag = _declare(shell, processes=4, rate=rate // 4, files=20, retries=20)
    shell.up()
    run = shell.start("subscription", "run", "talks", "--json")
    wait_until(_downloading(shell), 60)
    for _ in range(20):
        time.sleep(moments.uniform(0.0, 3.0))  # not a wait for something: the random moment itself
        wait_until(lambda: bool(_generation(shell, 3)), 30)
        moments.choice(_generation(shell, 3)).kill()
    _generation(shell, 2)[0].kill()
    output, _ = run.communicate(timeout=400)

    assert run.returncode == 0, (seed, output)
    all_arrived(shell, shell.site.file("m/vid000.mp4"), number=20, containing=tag, seed=seed)
    lines = (shell.data / "archive.txt").read_text().splitlines()  # our key and yt-dlp's own
    assert len(lines) == len(set(lines)) == 2 * 20, seed
    assert shell.run("state", "check").returncode == 0, seed


def test_nothing_goes_on_when_the_run_is_killed(shell: Shell, rate: int) -> None:
    """What its processes had fetched is resumed by the run that follows by itself."""
    tag = _declare(shell, processes=2, rate=rate)
    shell.up()
    run = shell.start("subscription", "run", "talks", "--json")
    wait_until(_downloading(shell), 60)
    (process,) = _generation(shell, 1)
    forks = process.children(recursive=True)
    process.kill()
    wait_until(lambda: not any(_lives(fork) for fork in forks), 20)
    wait_until(lambda: finished(shell), 120)
    run.communicate(timeout=120)

    assert len(forks) == 3
    all_arrived(shell, shell.site.file("m/vid000.mp4"), number=FILES, containing=tag, seed=0)


def test_nothing_goes_on_when_the_run_is_cancelled(shell: Shell, rate: int) -> None:
    """The job is paused, and goes on from there when it is resumed."""
    tag = _declare(shell, processes=2, rate=rate)
    shell.up()
    run = shell.start("subscription", "run", "talks", "--json")
    wait_until(_downloading(shell), 60)
    (job,) = jobs(shell)
    assert shell.run("flow", "cancel", job["flow_run_ids"][-1]).returncode == 0
    wait_until(lambda: not [*_generation(shell, 2), *_generation(shell, 3)], 20)
    run.communicate(timeout=60)

    assert jobs(shell)[0]["status"] == "paused"
    assert any(shell.root.rglob("*.part"))
    assert shell.run("job", "resume", job["job_id"]).returncode == 0
    wait_until(lambda: finished(shell), 120)
    all_arrived(shell, shell.site.file("m/vid000.mp4"), number=FILES, containing=tag, seed=0)

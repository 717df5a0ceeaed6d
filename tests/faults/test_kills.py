"""Processes killed during a download, alone and together: the job arrives once, whoever is gone."""

from __future__ import annotations

import itertools
import signal
import sys
import time
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final

import httpx
import psutil
import pytest

from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import (
    active_slots,
    bytes_per_address,
    damaged,
    finished,
    jobs,
    runs_of,
    unfinished_runs,
)

pytestmark = [pytest.mark.slow]

LIMIT: Final = 120.0
"""Seconds until the job has to be there, PF-02."""
RATE: Final = 60_000


class Victim(StrEnum):
    """A process of a running engine, by what its command line says."""

    SERVER = "vidra.engine.lifecycle.serve"
    WORKER = "vidra.engine.worker.work"
    NURSERY = "vidra.engine.worker.nursery"
    SHIM = "vidra.api.serve"
    UP = "up"
    RUN = "a fork of the nursery"


def _find(shell: Shell, victim: Victim) -> list[psutil.Process]:
    processes = {process.pid: process for process in shell.processes()}
    if victim is Victim.RUN:
        return [process for process in processes.values() if _is_run(process, processes)]
    return [
        process
        for process in processes.values()
        if victim in process.cmdline() and not _is_run(process, processes)
    ]


def _is_run(process: psutil.Process, others: dict[int, psutil.Process]) -> bool:
    parent = others.get(process.ppid())
    return parent is not None and Victim.NURSERY in parent.cmdline() and Victim.NURSERY in process.cmdline()


def _kill(shell: Shell, victims: Sequence[Victim]) -> None:
    """Kill them in one go; each of them must be there."""
    found = {victim: _find(shell, victim) for victim in victims}
    assert all(found.values()), found
    for process in itertools.chain.from_iterable(found.values()):
        process.send_signal(signal.SIGKILL)


def _survives(shell: Shell, victims: Sequence[Victim], number: int) -> None:
    """Kill them in the middle of a download; the job arrives, in one fetch, and Prefect's books are right."""
    tag = f"tag{shell.shim}n{number}"
    _begin(shell, tag)
    began = time.monotonic()
    _kill(shell, victims)
    if Victim.UP in victims:
        for engine in shell.engines:
            engine.communicate(timeout=30)
        shell.engines.clear()
        shell.up()
    wait_until(lambda: finished(shell), LIMIT)
    sys.stdout.write(f"{' + '.join(one.name for one in victims)}: {time.monotonic() - began:.1f} s\n")

    size = shell.site.file("m/vid001.mp4").stat().st_size
    (sent,) = bytes_per_address(shell, tag).values()
    assert sent < size * 1.4, (victims, sent)  # what a kill takes from a file's end is fetched again
    assert len(shell.shelf()) == number + 1, (victims, shell.shelf())
    assert damaged(shell, shell.site.file("m/vid001.mp4")) == []
    wait_until(lambda: not unfinished_runs(shell), 60)
    wait_until(lambda: active_slots(shell) == 0, 60)


def _begin(shell: Shell, tag: str) -> None:
    """Have a download of some nine seconds under way."""
    path = f"/p/rate{RATE},etag1,{tag}/m/vid001.mp4"
    asked = shell.run(
        "flow", "run", "download-job", shell.site.url(path), "--detach", "--option", "embed_metadata=false"
    )
    assert asked.returncode == 0, asked.stderr
    wait_until(lambda: _partial(shell.root) > 100_000, 60)


def _partial(root: Path) -> int:
    return max((path.stat().st_size for path in root.rglob("*.part")), default=0)


@pytest.fixture
def limited(shell: Shell) -> Shell:
    """Return a shell whose downloads take slots of a limit (PF-06)."""
    with shell.config.open("a", encoding="utf-8") as file:
        file.write("limits: {downloads: 3}\n")
    return shell


THREE: Final = (Victim.RUN, Victim.WORKER, Victim.SERVER)


@pytest.mark.timeout(400)
def test_a_download_survives_the_death_of_parts_and_a_server_that_stands_still(limited: Shell) -> None:
    """PF-02, PF-05, PF-06, PF-07, PF-11, short: two and three killed; then the server stopped for a while."""
    limited.up()
    _survives(limited, (Victim.RUN, Victim.SERVER), 0)
    _survives(limited, THREE, 1)
    _goes_on_while_the_server_stands_still(limited, 2, seconds=10.0)
    limited.down()


def _ask_the_api(shell: Shell, tag: str) -> int:
    """Ask for a job as a client does (PF-11, PF-12): it is stored whatever Prefect is doing."""
    token = (shell.data / "server_token").read_text(encoding="utf-8").strip()
    body = {"urls": shell.site.url(f"/p/etag1,{tag}/m/vid002.mp4"), "options": {"embed_metadata": False}}
    url = f"http://127.0.0.1:{shell.shim}/api/jobs"
    return httpx.post(url, json=body, headers={"X-API-Token": token}, timeout=30).status_code


def _goes_on_while_the_server_stands_still(shell: Shell, number: int, *, seconds: float) -> None:
    tag = f"tag{shell.shim}n{number}"
    _begin(shell, tag)
    (server,) = _find(shell, Victim.SERVER)
    before = _partial(shell.root)
    server.send_signal(signal.SIGSTOP)
    began = time.monotonic()
    answered = _ask_the_api(shell, f"{tag}late")
    took = time.monotonic() - began
    time.sleep(max(0.0, seconds - took))  # the outage has the length it has
    assert _partial(shell.root) > before or len(shell.shelf()) > number
    server.send_signal(signal.SIGCONT)
    wait_until(lambda: finished(shell), LIMIT)

    wait_until(lambda: not unfinished_runs(shell), 60)
    assert [len(job["flow_run_ids"]) for job in jobs(shell) if f"{tag}/" in job["urls"][0]] == [1]
    assert set(runs_of(shell, tag)) == {"COMPLETED"}
    assert answered == 201
    assert took < 2.0  # PF-12
    assert len(shell.shelf()) == number + 2


EIGHT: Final = tuple(itertools.chain.from_iterable(itertools.combinations(THREE, n) for n in range(4)))
"""Flow, worker and server: nobody, each, each pair, all three."""
OTHERS: Final = tuple(
    victims
    for victims in itertools.chain(((one,) for one in Victim), itertools.combinations(Victim, 2))
    if not set(victims) <= set(THREE)
)
"""The other processes alone, and every pair with one of them."""


@pytest.mark.long
@pytest.mark.timeout(3600)
@pytest.mark.parametrize("killed", [EIGHT, OTHERS], ids=["flow-worker-server", "others"])
def test_a_download_survives_the_death_of_every_process_and_every_pair(
    limited: Shell, killed: Sequence[Sequence[Victim]]
) -> None:
    """PF-02, PF-05, PF-06: eight of eight combinations within 120 s each; then the other fifteen."""
    limited.up()
    for number, victims in enumerate(killed):
        _survives(limited, victims, number)
    limited.down()

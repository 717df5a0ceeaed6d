"""The process of `vidra up` itself stays small, whatever happens to the parts it looks after."""

from __future__ import annotations

import signal

import psutil
import pytest

from tests.cli.light_up import heavy_imports, light_up
from tests.cli.shell import Shell
from tests.engine.polling import wait_until
from tests.faults.aftermath import finished, unfinished_runs
from vidra.engine.worker import owners

pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(240)]


def test_up_never_imports_prefect_nor_yt_dlp(shell: Shell) -> None:
    """A start, a run killed and put back to work, a stop: 70 MB that its process does not take.

    The short form is `test_up_telling`.
    """
    light_up(shell)
    address = shell.site.url(f"/p/rate60000,etag1,tag{shell.shim}/m/vid001.mp4")
    assert shell.run("flow", "run", "download-job", address, "--detach").returncode == 0
    wait_until(lambda: any(part.stat().st_size > 50_000 for part in shell.root.rglob("*.part")), 60)
    _worker_of(shell).send_signal(signal.SIGKILL)
    _run_of(shell).send_signal(signal.SIGKILL)  # nobody is left to tell Prefect, so `up` does
    wait_until(lambda: finished(shell) and not unfinished_runs(shell), 120)
    shell.down()

    assert heavy_imports(shell) == []


def _worker_of(shell: Shell) -> psutil.Process:
    return next(one for one in shell.processes() if "vidra.engine.worker.work" in one.cmdline())


def _run_of(shell: Shell) -> psutil.Process:
    home = shell.data / "prefect"
    (run,) = [path.stem for path in (home / owners.FOLDER).glob("*.json")]
    owner = owners.owner(home, run)
    assert owner is not None
    return psutil.Process(owner.pid)

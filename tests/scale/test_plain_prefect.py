"""Prefect's own commands, without `vidra`: deploy, worker, run."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Shell
from tests.engine.conftest import engine_settings, server
from tests.site.server import MediaSite
from vidra.engine.deployments.declarations import read_declarations
from vidra.engine.environment import child_environment
from vidra.engine.lifecycle.server import EmbeddedServer

__all__ = ["engine_settings", "server"]
pytestmark = [pytest.mark.slow, pytest.mark.timeout(240)]

ROOT: Final = Path(__file__).parents[2]
FILE: Final = ROOT / "deployments" / "prefect.yaml"


class Prefect:
    """Prefect's command line, pointed at a server and at a configuration of Vidra's."""

    def __init__(self, server: EmbeddedServer, shell: Shell) -> None:
        self._environment = child_environment(server.environment) | {"VIDRA_CONFIG": str(shell.config)}

    def run(self, *arguments: str) -> str:
        """Run a command from the checkout; return what it said."""
        done = subprocess.run(
            [sys.executable, "-m", "prefect", *arguments],
            env=self._environment, cwd=ROOT, capture_output=True, text=True, check=False, timeout=100,
        )  # fmt: skip
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def worker(self) -> Iterator[None]:
        """Run `prefect worker start --type vidra`."""
        command = ["-m", "prefect", "worker", "start", "--type", "vidra", "--pool", "vidra"]
        process = subprocess.Popen([sys.executable, *command], env=self._environment, cwd=ROOT)
        try:
            yield
        finally:
            process.terminate()
            process.wait(90)


def test_prefects_own_commands_deploy_and_run_the_flows(
    server: EmbeddedServer, tmp_path: Path, media_site: MediaSite
) -> None:
    """Issue 3, item 2 and 3: every shipped deployment is taken, and plain Prefect downloads a file."""
    shell = Shell(tmp_path, tmp_path / "data", media_site)
    prefect = Prefect(server, shell)

    prefect.run("work-pool", "create", "vidra", "--type", "vidra", "--overwrite")
    prefect.run("--no-prompt", "deploy", "--all", "--prefect-file", str(FILE))
    listed = prefect.run("deployment", "ls", "-o", "json")
    with prefect.worker():
        request = f'request={{"urls": ["{media_site.url("/v/vid001.html")}"]}}'
        prefect.run("deployment", "run", "download-job/download-job", "--param", request, "--watch")

    assert all(f'"{one.name}"' in listed or f"/{one.name}" in listed for one in read_declarations(FILE))
    assert shell.shelf() == ["Test clip 1 [vid001].mp4"]

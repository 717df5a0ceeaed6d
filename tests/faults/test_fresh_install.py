"""A schedule of an installation that was made this minute, from the constraints file."""

from __future__ import annotations

import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import pytest

from tests.cli.shell import Shell, environment
from tests.engine.polling import wait_until
from tests.faults.aftermath import flow_runs
from tests.faults.test_schedules import FIRST

ROOT: Final = Path(__file__).parents[2]
pytestmark = [pytest.mark.slow, pytest.mark.long, pytest.mark.timeout(1200)]


def _installed(folder: Path) -> Path:
    """Make a virtual environment as the README says; return the folder of its programs."""
    subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    programs = folder / "bin"
    install = [str(programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    wanted = ["--constraint", str(ROOT / "constraints.txt"), str(ROOT)]
    done = subprocess.run([*install, *wanted], capture_output=True, text=True, check=False, cwd=folder)
    if done.returncode != 0 and "No matching distribution" in done.stderr:
        pytest.skip("the package index does not have what constraints.txt asks for")
    assert done.returncode == 0, done.stderr
    return programs


def test_a_schedule_of_a_fresh_installation_fires(new_shell: Shell, tmp_path: Path) -> None:
    """PF-01: other versions of what Prefect needs start well and never make a run (SQLAlchemy 2.1)."""
    programs = _installed(tmp_path / "venv")
    with new_shell.config.open("a", encoding="utf-8") as file:
        file.write(f"subscriptions: {{clips: {{urls: ['{new_shell.site.url('/feed/2.rss')}'],")
        file.write(' schedule: {cron: "* * * * *"}}}\n')
    began, now = time.monotonic(), datetime.now(UTC)
    engine = subprocess.Popen(
        [programs / "vidra", "--config", str(new_shell.config), "up"],
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=tmp_path, env=environment(),
        start_new_session=True,
    )  # fmt: skip
    new_shell.engines.append(engine)
    assert engine.stdout is not None
    assert any(line.strip() == "Ready." for line in engine.stdout)
    ready = time.monotonic()

    wait_until(
        lambda: any(
            run.state_type == "COMPLETED" and run.started is not None and run.started > now
            for run in flow_runs(new_shell)
        ),
        FIRST,
    )
    sys.stdout.write(
        f"ready after {ready - began:.1f} s, a run through after {time.monotonic() - began:.1f} s\n"
    )
    assert len(new_shell.shelf()) == 2
    new_shell.down()

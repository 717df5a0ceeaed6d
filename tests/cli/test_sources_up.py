"""Sources and a running engine: the first one wakes the scoring, the last one ends it."""

from __future__ import annotations

import json
import time
from pathlib import Path

import pytest

from tests.cli.shell import Shell
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import served
from tests.servers.sources import PLEX_TOKEN
from vidra.state import open_state


def events(shell: Shell) -> list[str]:
    """Return what happened to sources so far."""
    with open_state(shell.data) as state:
        return [event.event.value for event in state.sources.events()]


def until(wanted: str, shell: Shell, seconds: float) -> None:
    """Wait for an event."""
    deadline = time.monotonic() + seconds
    while wanted not in events(shell):
        assert time.monotonic() < deadline, events(shell)
        time.sleep(0.2)


@pytest.mark.slow
def test_a_source_added_to_a_running_engine_is_watched_and_told_of_downloads(shell: Shell) -> None:
    """Within one tick of the schedule, without a restart; a job's new file reaches the server by itself."""
    shell.variables |= {
        "VIDRA_CREDENTIALS__PLACE": "file",
        "PLEX_TOKEN": PLEX_TOKEN,
        "VIDRA_CONNECTIONS__PROBE_TIMEOUT": "1",
    }
    fake = FakePlex()
    fake.add_section("1", "All", "movie", str(shell.root / "library"))
    shell.up()
    with served(fake.app()) as plex:
        added = shell.run(
            "source", "add", "plex", "--url", plex.url, "--secret-env", "PLEX_TOKEN", "--id", "home"
        )
        assert added.returncode == 0, added.stderr
        assert "No engine" not in added.stderr
        done = shell.download("/v/vid001.html", "--quiet")
        assert done.returncode == 0, done.stderr
        (job,) = shell.jobs()
        deadline = time.monotonic() + 60
        while not fake.refreshed:
            assert time.monotonic() < deadline, shell.run("flow", "runs").stdout
            time.sleep(0.2)
        assert fake.refreshed[0] == ("1", str(Path(job["main_file"]).parent))
    until("connection-lost", shell, 100)
    page = json.loads(shell.run("source", "show", "home", "--json").stdout)
    assert page["connection"]["status"] == "offline"
    assert shell.run("source", "rm", "home", "--yes").returncode == 0

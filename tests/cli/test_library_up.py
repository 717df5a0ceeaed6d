"""Libraries and a running engine: what makes it sync, and that what was watched offline arrives."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

import pytest

from tests.cli.shell import Shell
from tests.servers.serving import Faulty, served
from tests.servers.sources import PLEX_TOKEN, plex_with_library

CHECKS = "schedules: {connection-scoring: {interval: 4}}\nconnections: {local_every: 3}\n"
"""Connections are looked at more often than every 30 s."""


def until(holds: Callable[[], bool], shell: Shell, seconds: float = 60) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < deadline, shell.run("flow", "runs").stdout
        time.sleep(0.2)


def films(shell: Shell) -> set[str]:
    """Return the titles of the films that are known here."""
    page = json.loads(shell.run("library", "ls", "--kind", "movie", "--json").stdout)
    return {item["title"] for item in page["items"]}


def what_deploying_would_do(shell: Shell) -> dict[str, str]:
    """Return what would become of each deployment of a source; nothing of one that is not there."""
    page: list[dict[str, Any]] = json.loads(shell.run("deploy", "--dry-run", "--json").stdout)
    named = {str(one.get("deployment")).rpartition("/")[2]: str(one["change"]) for one in page}
    return {name: kind for name, kind in named.items() if name.startswith("library-sync-")}


def ready(shell: Shell, url: str, library: str) -> None:
    """Have one source, declared, whose server answers at the address."""
    shell.variables |= {
        "VIDRA_CREDENTIALS__PLACE": "file",
        "VIDRA_CONNECTIONS__PROBE_TIMEOUT": "1",
        "PLEX_TOKEN": PLEX_TOKEN,
    }
    with shell.config.open("a") as file:
        file.write(f"library: {library}\n{CHECKS}")
    added = shell.run("source", "add", "plex", "--url", url, "--secret-env", "PLEX_TOKEN", "--id", "home")
    assert added.returncode == 0, added.stderr


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_an_engine_syncs_at_its_start_and_after_downloads(shell: Shell) -> None:
    """By itself: the schedule is an hour away, and nothing is asked for by hand."""
    fake = plex_with_library()
    fake.add_section("3", "All", "movie", str(shell.root / "library"))
    with served(fake.app()) as plex:
        ready(shell, plex.url, "{interval: 3600}")
        shell.up()
        until(lambda: films(shell) == {"The Matrix", "Alien", "Brazil"}, shell)
        done = shell.download("/v/vid001.html", "--quiet")
        assert done.returncode == 0, done.stderr
        (job,) = shell.jobs()
        until(lambda: bool(fake.refreshed), shell)
        now = int(time.time())
        fake.add("3", "movie", 9, "Downloaded", file=job["main_file"], addedAt=now, updatedAt=now)
        until(lambda: "Downloaded" in films(shell), shell)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_schedule_of_a_source_goes_with_it_from_the_configuration(shell: Shell) -> None:
    """With the next connection check of the running engine, without `vidra deploy`; and a new one comes."""
    attic = "sources: {attic: {type: local, folders: [{path: %s}]}}\n"
    before = shell.config.read_text() + CHECKS
    shell.config.write_text(before + attic % shell.root)
    shell.up()
    assert what_deploying_would_do(shell) == {"library-sync-attic": "keep"}
    shell.config.write_text(before + attic.replace("attic", "cellar") % shell.root)
    until(lambda: what_deploying_would_do(shell) == {"library-sync-cellar": "keep"}, shell)
    shell.config.write_text(before)
    until(lambda: what_deploying_would_do(shell) == {}, shell)


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_what_is_watched_offline_arrives_once_the_server_is_back(shell: Shell) -> None:
    """Queued while it is away; sent after the connection check has reached it again, without a sync.

    Before that, the source's own schedule is seen at work.
    """
    fault = Faulty((fake := plex_with_library()).app())
    with served(fault) as plex:
        ready(shell, plex.url, "{interval: 3600, sources: {home: {interval: 5}}}")
        shell.up()
        until(lambda: "Brazil" in films(shell), shell)
        before = len(fake.exchanges)
        until(lambda: len(fake.exchanges) > before + 5, shell)  # its own schedule, every 5 s
        _silence(shell)
        fault.status = 503
        assert shell.run("library", "watched", "home/1/movie/3").returncode == 0
        shown = json.loads(shell.run("library", "show", "home/1/movie/3", "--json").stdout)
        assert shown["watch"]["watched"] is True
        until(lambda: bool(_queue(shell)), shell)
        fault.status = None
        until(lambda: fake.items["3"].get("viewCount") == 1, shell, 90)
        until(lambda: _queue(shell) == [], shell)


def _queue(shell: Shell) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = json.loads(shell.run("library", "queue", "--json").stdout)
    return found


def _silence(shell: Shell) -> None:
    """Leave the scheduled syncs out from now on, so that only the connection check can bring it about."""
    text = shell.config.read_text().replace("{home: {interval: 5}}", "{home: {active: false}}")
    shell.config.write_text(text)
    assert shell.run("deploy").returncode == 0

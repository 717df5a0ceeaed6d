"""`kill -9` in the middle of syncs with a full queue: nothing is lost, nothing is told twice."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Faulty, served
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.library.acting import mark, queued, record_changes, report
from vidra.engine.library.reading import Library
from vidra.engine.library.shelves import open_queue
from vidra.library.records import ITEMS
from vidra.settings.storage import StorageSettings

FILMS = 300


def library_of(films: int) -> FakePlex:
    """Return a server with films and a show."""
    fake = FakePlex(largest_page=20)
    fake.add_section("1", "Films", "movie")
    fake.add_section("2", "Series", "show")
    for number in range(1, films + 1):
        fake.add("1", "movie", number, f"Film {number}")
    fake.add_show("2", 50_000, "Show", seasons=2, episodes=20)
    return fake


def start(folder: Path, url: str) -> subprocess.Popen[bytes]:
    """Start a sync."""
    command = [sys.executable, "-m", "tests.library.syncer", str(folder), url]
    return subprocess.Popen(command, cwd=Path(__file__).parents[2], env=dict(os.environ))


def finish(folder: Path, url: str) -> None:
    """Let a sync run to its end."""
    assert start(folder, url).wait(60) == 0


def watch(folder: Path, changes: int) -> None:
    """Queue changes: every second film watched, the others begun."""
    storage = StorageSettings(data_dir=folder)
    with Library(storage) as library, open_queue(storage) as queue:
        shelf = library.shelves("home")[0].store
        for number in range(1, changes + 1):
            film = library.find(f"home/1/movie/{number}")
            if number % 2:
                change = mark(film, watched=True, clock=SYSTEM_CLOCK)
            else:
                change = report(film, number * 10_000, at=1_750_000_000, clock=SYSTEM_CLOCK)
            record_changes(queue, shelf, [change])


def final_state(folder: Path, fake: FakePlex) -> tuple[Any, Any]:
    """Return what both sides know of films in the end; the queue is empty."""
    storage = StorageSettings(data_dir=folder)
    with open_queue(storage) as queue:
        assert queued(queue) == []
    with Library(storage) as library:
        here = {record["key"]: record for record in library.shelves("home")[0].store.all(ITEMS)}
    names = ("viewCount", "viewOffset")
    there = {key: [item.get(name) for name in names] for key, item in fake.items.items()}
    return here, there


def disturbed(folder: Path, kills: int, changes: int) -> tuple[Any, Any]:
    """Fill a library, queue changes, kill syncs at random moments, let one end; return what is known."""
    chance = random.Random(kills)
    fake = library_of(FILMS)
    slow = Faulty(fake.app())
    with served(slow) as server:
        finish(folder, server.url)
        fake.add("1", "movie", 999, "New film")
        watch(folder, changes)
        slow.delay = 0.003
        for _ in range(kills):
            process = start(folder, server.url)
            deadline = time.monotonic() + chance.uniform(0.5, 2.5)
            while process.poll() is None and time.monotonic() < deadline:
                time.sleep(0.01)
            process.kill()
            process.wait(10)
        finish(folder, server.url)
        finish(folder, server.url)
    return final_state(folder, fake)


def test_two_kills_change_nothing_in_the_end(tmp_path: Path) -> None:
    """The short form: both sides know what they know after an undisturbed run."""
    assert disturbed(tmp_path / "killed", 2, 40) == disturbed(tmp_path / "spared", 0, 40)


@pytest.mark.long
@pytest.mark.timeout(600)
def test_twenty_kills_with_two_hundred_changes_change_nothing(tmp_path: Path) -> None:
    """Each watched film counts one viewing, each position is there, each item once."""
    killed = disturbed(tmp_path / "killed", 20, 200)
    assert killed == disturbed(tmp_path / "spared", 0, 200)
    assert {tuple(seen) for key, seen in killed[1].items() if key.isdecimal() and int(key) <= 200} > {
        (1, None)
    }

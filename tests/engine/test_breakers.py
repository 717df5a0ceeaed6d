"""Breakers in their file: seen by every process, kept over restarts, closed by hand."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tests.engine.site_asker import PAUSE
from vidra.clock import ManualClock
from vidra.engine.politeness.breaker import Phase, Rule
from vidra.engine.politeness.breakers import Breakers, PausedSite
from vidra.errors import MediaError, Missing, SitePaused, SlowDown, TryLater
from vidra.state import open_state

RULE = Rule(refusals=2, window=600.0, pause=60.0, longest=3600.0)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands until it is moved."""
    return ManualClock(datetime(2026, 11, 21, 12, tzinfo=UTC))


@contextmanager
def _opened(folder: Path, clock: ManualClock, heard: list[PausedSite] | None = None) -> Iterator[Breakers]:
    """Open the file as a process of its own would."""
    with open_state(folder) as state:
        breakers = Breakers(
            state, rule=RULE, clock=clock, on_pause=(heard if heard is not None else []).append
        )
        yield breakers
        breakers.close()


def _refuse(breakers: Breakers, site: str, *, who: str = "a", times: int = 2) -> None:
    for _ in range(times):
        with pytest.raises(SlowDown), breakers.watching(site, who):
            raise SlowDown("HTTP Error 429")


def test_what_one_process_learns_holds_for_the_others(tmp_path: Path, clock: ManualClock) -> None:
    """Both have the file open; the second is kept from asking, other sites are not touched."""
    with _opened(tmp_path, clock) as first, _opened(tmp_path, clock) as second:
        _refuse(first, "one.example", times=1)
        _refuse(second, "one.example", times=1)
        with pytest.raises(SitePaused) as told:
            first.admit("one.example", "b")
        second.admit("two.example", "b")

    assert (told.value.until, told.value.retry_after) == ("2026-11-21T12:01:00.000000Z", 60.0)


def test_it_holds_after_a_restart_and_one_download_tries_then(tmp_path: Path, clock: ManualClock) -> None:
    """The second one that comes after the pause waits for the first."""
    with _opened(tmp_path, clock) as before:
        _refuse(before, "one.example")
    clock.advance(61)
    with _opened(tmp_path, clock) as after:
        after.admit("one.example", "first")
        with pytest.raises(SitePaused):
            after.admit("one.example", "second")
        with after.watching("one.example", "first"):
            pass
        after.admit("one.example", "second")
        assert after.paused() == []


def test_what_is_missing_or_broken_counts_as_an_answer(tmp_path: Path, clock: ManualClock) -> None:
    """The site talks to us, so the wall is gone; a broken connection says nothing."""
    for error, closed in ((Missing("404"), True), (MediaError("no"), True), (TryLater("reset"), False)):
        site = f"{type(error).__name__}.example".lower()
        with _opened(tmp_path, clock) as breakers:
            _refuse(breakers, site)
            clock.advance(61)
            breakers.admit(site, "probe")
            with pytest.raises(type(error)), breakers.watching(site, "probe"):
                raise error
            assert (site not in {paused.site for paused in breakers.paused()}) is closed


def test_a_person_sees_and_ends_a_pause(tmp_path: Path, clock: ManualClock) -> None:
    """Told once when it opens, listed with the reason, closed by hand."""
    heard: list[PausedSite] = []
    with _opened(tmp_path, clock, heard) as breakers:
        _refuse(breakers, "one.example", times=3)

        assert breakers.paused() == heard
        assert (heard[0].phase, heard[0].opened, heard[0].reason) == (Phase.OPEN, 1, "HTTP Error 429")
        assert breakers.close_by_hand("one.example")
        breakers.admit("one.example", "b")
        assert not breakers.close_by_hand("one.example")


def test_a_site_that_is_well_writes_nothing(tmp_path: Path, clock: ManualClock) -> None:
    """The usual download must not cost a write."""
    with _opened(tmp_path, clock) as breakers:
        breakers.admit("one.example", "a")
        with breakers.watching("one.example", "a"):
            pass
    assert list(tmp_path.glob("sites*")) == []


def _asked(folder: Path, what: str, *, at_once: int = 1) -> list[str]:
    """Return what processes of their own, begun at the same time, were told of the site."""
    command = [sys.executable, "-m", "tests.engine.site_asker", str(folder), "one.example", what]
    begun = [
        subprocess.Popen(command, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2])
        for _ in range(at_once)
    ]
    return sorted(process.communicate(timeout=60)[0] for process in begun)


@pytest.mark.slow
def test_real_processes_share_the_pause_and_the_single_try_after_it(tmp_path: Path) -> None:
    """Opened by two that were refused, closed to a third; of three that come after it, one may ask."""
    assert [_asked(tmp_path, "refused") for _ in "12"] == [["admitted"], ["admitted"]]
    began = time.monotonic()
    assert _asked(tmp_path, "ask") == ["paused"]
    assert time.monotonic() - began < PAUSE, "this machine is too slow to tell"
    time.sleep(PAUSE)  # the pause has the length it has
    assert _asked(tmp_path, "ask", at_once=3) == ["admitted", "paused", "paused"]

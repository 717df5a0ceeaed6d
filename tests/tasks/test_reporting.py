"""What a job's reporter stores, and how seldom."""

from __future__ import annotations

import logging
from datetime import UTC, datetime
from pathlib import Path

import pytest

from tasks.reporting import TICK_SECONDS, JobReporter
from vidra.clock import ManualClock, iso
from vidra.errors import Missing
from vidra.media.interface import DownloadedMedia, LogLevel, MediaEntry, Progress, Stage
from vidra.redaction import register_secret
from vidra.state import MemoryState, memory_state
from vidra.state.interface import Entry, EntryStatus, Job

NOW = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture
def clock() -> ManualClock:
    """Return a clock that stands still."""
    return ManualClock(NOW)


@pytest.fixture
def state() -> MemoryState:
    """Return a state with one job of two entries."""
    made = memory_state()
    made.jobs.add(Job(job_id="j", urls=("https://example.org/",), created_at=iso(NOW)))
    made.entries("j").put([Entry(index=n, url=f"https://example.org/{n}") for n in (1, 2)])
    return made


@pytest.fixture
def reporter(state: MemoryState, clock: ManualClock) -> JobReporter:
    """Return a reporter that has begun."""
    made = JobReporter(state, "j", run_logger=logging.getLogger("test"), clock=clock)
    made.begin(state.entries("j").all())
    return made


def _tick(percent: float, stage: Stage = Stage.DOWNLOADING) -> Progress:
    return Progress(stage=stage, stage_name=stage, percent=percent)


def _media(path: Path) -> DownloadedMedia:
    return DownloadedMedia(
        key="k 1", title="One", path=path, sidecars=(), size=5, duration=1.0, format=None,
        entry=MediaEntry(key="k 1", url="https://example.org/1"),
    )  # fmt: skip


def test_ticks_of_one_stage_are_stored_four_times_a_second(
    state: MemoryState, reporter: JobReporter, clock: ManualClock
) -> None:
    """Ticks in between are dropped; the next one after the pause is stored."""
    entry = state.entries("j").get(1)
    reporter.tick(entry, _tick(1))
    reporter.tick(entry, _tick(2))
    kept = state.entries("j").get(1).progress
    clock.advance(TICK_SECONDS)
    reporter.tick(entry, _tick(3))
    later = state.entries("j").get(1).progress

    assert kept is not None
    assert kept.percent == 1
    assert later is not None
    assert later.percent == 3


def test_a_new_stage_is_stored_at_once(state: MemoryState, reporter: JobReporter) -> None:
    """A person sees the step from downloading to post-processing when it happens."""
    entry = state.entries("j").get(1)
    reporter.tick(entry, _tick(100))
    reporter.tick(entry, _tick(100, Stage.POSTPROCESSING))

    stored = state.entries("j").get(1).progress
    assert stored is not None
    assert stored.stage == Stage.POSTPROCESSING


def test_the_jobs_percentage_counts_entries_done_and_under_way(
    state: MemoryState, reporter: JobReporter, tmp_path: Path
) -> None:
    """One of two done and the other half way is 75 %."""
    first, second = state.entries("j").all()
    reporter.completed(first, _media(tmp_path / "one.mp4"))
    reporter.tick(second, _tick(50))

    progress = state.jobs.progress("j")
    assert progress is not None
    assert (progress.percent, progress.completed_items, progress.total_items) == (75.0, 1, 2)


def test_a_failure_names_its_reason_and_is_over(state: MemoryState, reporter: JobReporter) -> None:
    """The entry is failed, with the message and when; the log says it too."""
    reporter.failed(state.entries("j").get(2), Missing("HTTP Error 404: Not Found"))

    entry = state.entries("j").get(2)
    assert (entry.status, entry.error) == (EntryStatus.FAILED, "HTTP Error 404: Not Found")
    assert entry.error_at == iso(NOW)
    assert state.logs.tail("j")[1][-1].playlist_index == 2


def test_no_line_holds_a_known_secret(state: MemoryState, reporter: JobReporter) -> None:
    """Whatever yt-dlp prints, a registered secret is masked before it is stored."""
    register_secret("hunter2-hunter2")
    reporter.log(LogLevel.INFO, "logging in with hunter2-hunter2")

    assert state.logs.tail("j")[1][-1].message == "logging in with ***"

from __future__ import annotations

import io
from collections.abc import Iterable
from datetime import UTC, datetime

from tests.cli.records import active, an_entry, at, done, failed, told, told_job
from vidra.cli.progress import Change, LogAppended, Notice, ProgressChanged
from vidra.cli.progress.plain import PlainRenderer
from vidra.clock import ManualClock
from vidra.state.interface import JobStatus, LogLine

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def lines_of(
    changes: Iterable[Change], *, seconds: float = 0.0, finish: bool = False, **how: bool
) -> list[str]:
    """Show the changes, so many seconds apart, and return what was printed."""
    out, clock = io.StringIO(), ManualClock(NOW)
    with PlainRenderer(out, clock=clock, **how) as renderer:
        for change in changes:
            renderer.show(change)
            clock.advance(seconds)
        if finish:
            renderer.finish()
    return out.getvalue().splitlines()


def test_a_run_reads_like_a_protocol() -> None:
    """Every change of state is one line; the last line is the sum."""
    story: list[Change] = [
        Notice(text="starting a private Prefect server"),
        told_job(JobStatus.RUNNING, total_items=2, metadata={"title": "A channel"}),
        told(active(1, 25.0, speed=2_202_010.0, eta=7)),
        told(active(1, 100.0, stage="postprocessing", stage_name="Merger")),
        told(done(1)),
        told(failed(2)),
        told_job(JobStatus.COMPLETED_WITH_ERRORS, total_items=2, error="1 of 2 entries failed"),
    ]
    assert lines_of(story, seconds=1.0, finish=True) == [
        "starting a private Prefect server",
        "job job-1: A channel",
        "job job-1: running",
        "[1/2] Title 1: downloading 25 % (25.0 MiB of 100.0 MiB, 2.1 MiB/s, 0:07 left)",
        "[1/2] Title 1: merging",
        "[1/2] Title 1: done, 27.1 MiB, /media/1.mp4",
        "[2/2] Title 2: failed: HTTP 410",
        "job job-1: completed with errors: 1 of 2 entries failed",
        "1 of 2 entries done, 1 failed, 27.1 MiB in 0:07",
    ]


def test_percentages_are_throttled_by_step_and_time() -> None:
    """A thousand ticks are a handful of lines."""
    ticks = [told(active(1, tick / 10)) for tick in range(1000)]
    assert len(lines_of(ticks, seconds=0.1)) == 10
    assert len(lines_of(ticks, seconds=0.001)) == 1
    assert len(lines_of(ticks[:90], seconds=60.0)) == 1


def test_nothing_is_said_twice() -> None:
    """The feed may tell the same record again."""
    story: list[Change] = [told_job(), told(active(1, 5.0)), told(done(1))]
    assert lines_of([*story, *story[:1], told(done(1))]) == lines_of(story)


def test_waiting_entries_are_not_announced_but_in_a_dry_run() -> None:
    """A list of a thousand would flood the log; in a dry run it is the result."""
    waiting: list[Change] = [told(an_entry(1)), told(an_entry(2))]
    assert lines_of(waiting) == []
    assert lines_of([told_job(), *waiting], dry_run=True, finish=True)[-3:] == [
        "would download 1: Title 1",
        "would download 2: Title 2",
        "2 entries would be downloaded",
    ]


def test_the_jobs_own_stage_is_told_until_entries_are_known() -> None:
    """Identifying a channel can take a while."""
    stage = ProgressChanged(job_id="job-1", progress=at(0.0, stage="IDENTIFICANDO"))
    assert lines_of([stage, stage, told(an_entry(1)), stage]) == ["job job-1: identifying"]


def test_only_warnings_and_errors_of_the_log_are_shown_unless_verbose() -> None:
    """The rest is a `vidra job logs` away."""
    story: list[Change] = [
        LogAppended(job_id="job-1", line=LogLine(timestamp="t", level=level, message=f"{level}\nline"))
        for level in ("debug", "info", "warning", "error")
    ]
    assert lines_of(story) == ["warning: warning line", "error: error line"]
    assert len(lines_of(story, verbose=True)) == 4


def test_addresses_lose_their_credentials() -> None:
    """Titles are unknown at first, and addresses may hold passwords."""
    entry = active(1, 0.0, title=None, url="https://user:pass@site.test/v?token=abcdef")
    (line,) = lines_of([told(entry)])
    assert "pass" not in line
    assert "abcdef" not in line


def test_the_last_stage_is_left_to_the_record_that_follows() -> None:
    """`completed` and `done, 27.1 MiB, /path` would say the same twice."""
    story = [told(active(1, 100.0, stage="COMPLETED")), told(done(1))]
    assert lines_of(story) == ["Title 1: done, 27.1 MiB, /media/1.mp4"]

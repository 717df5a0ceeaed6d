from __future__ import annotations

import io
import json
from datetime import UTC, datetime
from typing import Any

import pytest

from tests.cli.records import active, at, done, failed, told, told_job
from vidra.cli.progress import Change, LogAppended, Notice, ProgressChanged
from vidra.cli.progress.json_lines import EVENTS, JsonRenderer, describe
from vidra.clock import ManualClock
from vidra.state.interface import JobStatus, LogLine

CHANGES: list[Change] = [
    Notice(text="hello"),
    told_job(JobStatus.FAILED, error="no"),
    ProgressChanged(job_id="job-1", progress=at(3.0)),
    told(active(1, 25.0)),
    told(failed(2)),
    LogAppended(job_id="job-1", line=LogLine(timestamp="t", level="info", message="m", playlist_index=2)),
]


def lines_of(*changes: Change) -> list[dict[str, Any]]:
    """Return the lines printed for these changes, read back."""
    out = io.StringIO()
    with JsonRenderer(out, clock=ManualClock(datetime(2026, 11, 20, tzinfo=UTC))) as renderer:
        for change in changes:
            renderer.show(change)
        renderer.finish()
    return [json.loads(line) for line in out.getvalue().splitlines()]


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: type(change).__name__)
def test_every_event_has_exactly_its_documented_keys(change: Change) -> None:
    """A program may rely on a key being there."""
    event = describe(change)
    assert tuple(event) == ("event", *EVENTS[event["event"]])


def test_each_line_is_one_object_with_its_event_and_time() -> None:
    """The last one sums up."""
    events = lines_of(*CHANGES, told(done(1)))
    assert [event["event"] for event in events] == [
        "notice",
        "job",
        "progress",
        "entry",
        "entry",
        "log",
        "entry",
        "summary",
    ]
    assert {event["time"] for event in events} == {"2026-11-20T00:00:00.000000Z"}
    assert events[-1] | {"time": ""} == {
        "event": "summary",
        "time": "",
        "entries": 2,
        "completed": 1,
        "failed": 1,
        "bytes": 28_416_410,
        "elapsed": 0.0,
    }


def test_figures_and_results_of_an_entry_are_in_its_event() -> None:
    """Numbers are numbers, in bytes and per cent."""
    tick, over = lines_of(told(active(1, 25.0, speed=5.0)), told(done(1, files=("/media/1.mp4",))))[:2]
    assert (tick["status"], tick["percent"], tick["speed"], tick["main_file"]) == ("active", 25.0, 5.0, None)
    assert (over["status"], over["size"], over["files"]) == ("completed", 28_416_410, ["/media/1.mp4"])


def test_odd_titles_stay_on_their_line_and_secrets_stay_out() -> None:
    """A line break in a title is escaped; credentials in addresses and messages are masked."""
    entry = active(1, title="a\nb\u2028c", url="https://u:pw123@site.test/?token=abcdef")
    event = lines_of(told(entry), told(failed(2, reason="token=abcdef")))
    assert event[0]["title"] == "a\nb\u2028c"
    assert "pw123" not in str(event)
    assert "abcdef" not in str(event)

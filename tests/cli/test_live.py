from __future__ import annotations

import io
import threading
from collections.abc import Iterable
from datetime import UTC, datetime

import pytest
from rich.console import Console

from tests.cli.records import active, an_entry, at, done, failed, told, told_job
from vidra.cli.progress import Change, Notice, ProgressChanged
from vidra.cli.progress.live import MOST_BARS, LiveRenderer
from vidra.clock import ManualClock
from vidra.state.interface import JobStatus


def a_terminal(*, width: int = 70, height: int = 24) -> Console:
    """Return a terminal that keeps what is drawn on it."""
    return Console(
        file=io.StringIO(),
        force_terminal=True,
        width=width,
        height=height,
        record=True,
        color_system=None,
        markup=False,
        highlight=False,
    )


def a_display(console: Console, changes: Iterable[Change] = ()) -> LiveRenderer:
    """Return a display on that terminal which was told these changes."""
    renderer = LiveRenderer(console, clock=ManualClock(datetime(2026, 11, 20, tzinfo=UTC)))
    for change in changes:
        renderer.show(change)
    return renderer


def frame_of(changes: Iterable[Change], *, width: int = 70, height: int = 24) -> list[str]:
    """Return the lines that move, as they stand after the changes."""
    console = a_terminal(width=width, height=height)
    display = a_display(console, changes)
    console.export_text()
    console.print(display.frame())
    return console.export_text().splitlines()


def left_by(changes: Iterable[Change]) -> list[str]:
    """Return the lines that stay."""
    console = a_terminal()
    a_display(console, changes)
    return [line.rstrip() for line in console.export_text().splitlines()]


def test_each_active_entry_has_a_bar_and_the_totals_stand_below() -> None:
    """Waiting and finished entries take no room."""
    story: list[Change] = [
        told_job(total_items=4),
        told(done(1)),
        told(active(2, 45.0, speed=2_202_010.0, eta=7)),
        told(active(3, 100.0, stage="postprocessing", stage_name="EmbedThumbnail")),
        told(an_entry(4)),
    ]
    assert frame_of(story) == [
        "Title 2                       ━━━━━━━─────────   45 %  2.1 MiB/s  0:07",
        "Title 3                       ━━━━━━━━  100 %  embedding the thumbnail",
        "1 of 4 done                   ━━━━━━━────   61 %  2.1 MiB/s  172.1 MiB",
    ]


def test_a_thousand_entries_at_work_leave_the_terminal_usable() -> None:
    """As many bars as fit, and the number of the others."""
    story = [told(active(index, 1.0)) for index in range(1, 1001)]
    assert len(frame_of(story, height=100)) == MOST_BARS + 2
    short = frame_of(story, height=8)
    assert (len(short), short[-2]) == (6, "… and 996 more")


def test_no_line_is_wider_than_the_terminal() -> None:
    """Wide titles in a narrow terminal included."""
    story = [told(active(index, 50.0, title="日本語" * 30)) for index in (1, 2)]
    for width in (10, 20, 33, 80):
        assert len(frame_of(story, width=width)) == 3


def test_before_anything_is_known_the_stage_and_the_time_are_shown() -> None:
    """Something moves, so that nobody thinks it hangs."""
    stage = ProgressChanged(job_id="job-1", progress=at(0.0, stage="IDENTIFICANDO"))
    assert frame_of([]) == ["working … 0:00"]
    assert frame_of([stage]) == ["identifying … 0:00"]


def test_what_is_over_stays_above_the_bars() -> None:
    """Each line once, though records come again."""
    story: list[Change] = [
        Notice(text="starting a private Prefect server"),
        told_job(total_items=2, metadata={"title": "A channel"}),
        told(done(1)),
        told(done(1)),
        told(failed(2)),
        told_job(JobStatus.FAILED, error="nothing worked"),
    ]
    assert left_by(story) == [
        "starting a private Prefect server",
        "job job-1: A channel",
        "✓ [1/2] Title 1: done, 27.1 MiB, /media/1.mp4",
        "✗ [2/2] Title 2: failed: HTTP 410",
        "job job-1: failed: nothing worked",
    ]


def test_markup_and_escapes_in_a_title_are_text() -> None:
    """`[red]` in a title is part of it; an escape sequence is not."""
    assert left_by([told(done(1, title="[red]hot[/red] \x1b[2J"))]) == [
        "✓ [red]hot[/red]: done, 27.1 MiB, /media/1.mp4"
    ]


def test_the_terminal_is_given_back_after_an_error() -> None:
    """The cursor is visible again, whatever happened."""
    console = a_terminal()
    with pytest.raises(ZeroDivisionError):
        _fail_in(a_display(console))
    drawn = console.file.getvalue()  # type: ignore[attr-defined] # the StringIO of a_terminal
    assert drawn.rindex("\x1b[?25h") > drawn.rindex("\x1b[?25l")


def test_changes_may_come_from_several_threads() -> None:
    """Eight workers tell what they do; every end is left behind once."""
    console = a_terminal()
    with a_display(console) as display:
        threads = [
            threading.Thread(target=_show_done, args=(display, range(first, first + 25)))
            for first in range(0, 200, 25)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        display.finish()
    assert console.export_text().count("✓") == 200


def _fail_in(display: LiveRenderer) -> None:
    with display:
        display.show(told(active(1, 10.0)))
        raise ZeroDivisionError


def _show_done(display: LiveRenderer, indices: range) -> None:
    for index in indices:
        display.show(told(done(index)))


def test_a_tick_of_a_long_list_costs_next_to_nothing() -> None:
    """Work per tick must not grow with the list: counted in the entries the board looks at."""
    console = a_terminal()
    display = a_display(console, [told(done(index)) for index in range(1, 5001)])
    display.show(told(active(5001, 1.0)))
    assert len(list(display._board.active())) == 1
    assert display._board.totals().completed == 5000

from __future__ import annotations

import io

import pytest

from tests.cli.records import active, failed, told, told_job
from vidra.cli.progress import Display, choose_display, is_terminal, open_renderer
from vidra.state.interface import JobStatus


class Terminal(io.StringIO):
    """An output that says it is a terminal."""

    def isatty(self) -> bool:
        return True


@pytest.mark.parametrize(
    ("json", "quiet", "terminal", "expected"),
    [
        (True, True, True, Display.JSON),
        (False, True, True, Display.QUIET),
        (False, False, True, Display.LIVE),
        (False, False, False, Display.PLAIN),
    ],
)
def test_the_display_fits_what_was_asked_and_where_it_goes(
    json: bool, quiet: bool, terminal: bool, expected: Display
) -> None:
    """A pipe gets lines, a terminal bars, a program JSON."""
    assert choose_display(json=json, quiet=quiet, terminal=terminal) is expected


def test_a_dumb_terminal_is_treated_like_a_pipe() -> None:
    """Editors' consoles cannot redraw."""
    assert is_terminal(Terminal(), "xterm")
    assert not is_terminal(Terminal(), "dumb")
    assert not is_terminal(io.StringIO(), "xterm")


@pytest.mark.parametrize("display", list(Display))
def test_every_display_shows_a_failure(display: Display) -> None:
    """Whatever was chosen, what went wrong is said."""
    out, err = Terminal(), io.StringIO()
    with open_renderer(display, out=out, err=err) as renderer:
        renderer.show(told(active(1, 10.0)))
        renderer.show(told(failed(1)))
        renderer.finish()
    assert "HTTP 410" in out.getvalue() + err.getvalue()


def test_quiet_says_nothing_but_failures_and_each_once() -> None:
    """On standard error, so that `> file` stays empty."""
    out, err = io.StringIO(), io.StringIO()
    with open_renderer(Display.QUIET, out=out, err=err) as renderer:
        for change in (told(active(1)), told(failed(1)), told(failed(1))):
            renderer.show(change)
        renderer.show(told_job(JobStatus.FAILED, error="nothing worked"))
        renderer.finish()
    assert out.getvalue() == ""
    assert err.getvalue().splitlines() == [
        "vidra: error: Title 1: failed: HTTP 410",
        "vidra: error: job job-1: failed: nothing worked",
    ]


def test_no_color_is_respected(monkeypatch: pytest.MonkeyPatch) -> None:
    """https://no-color.org: bars yes, colours no."""
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    out = Terminal()
    with open_renderer(Display.LIVE, out=out, err=io.StringIO()) as renderer:
        renderer.show(told(failed(1)))
    assert "\x1b[31m" not in out.getvalue()
    assert "✗" in out.getvalue() or "* " in out.getvalue()

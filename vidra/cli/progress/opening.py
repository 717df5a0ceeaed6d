"""Chooses and opens the display that fits what was asked for and where it goes."""

from __future__ import annotations

from typing import TextIO, assert_never

from vidra.cli.progress.interface import Display, Renderer
from vidra.cli.progress.json_lines import JsonRenderer
from vidra.cli.progress.plain import PlainRenderer
from vidra.cli.progress.quiet import QuietRenderer
from vidra.clock import SYSTEM_CLOCK, Clock


def choose_display(*, json: bool, quiet: bool, terminal: bool) -> Display:
    """Return the display; `json` wins over `quiet`, because a program that asks for JSON reads it."""
    if json:
        return Display.JSON
    if quiet:
        return Display.QUIET
    return Display.LIVE if terminal else Display.PLAIN


def is_terminal(out: TextIO, term: str | None) -> bool:
    """Whether lines can be redrawn there; `term` is the environment's TERM."""
    return out.isatty() and term not in {"dumb", ""}


def open_renderer(
    display: Display,
    *,
    out: TextIO,
    err: TextIO,
    clock: Clock = SYSTEM_CLOCK,
    verbose: bool = False,
    dry_run: bool = False,
) -> Renderer:
    """Return a renderer that writes to these streams; `verbose` shows every log line."""
    match display:
        case Display.LIVE:
            from rich.console import Console  # noqa: PLC0415 - 0.05 s, and only a terminal needs it

            from vidra.cli.progress.live import LiveRenderer  # noqa: PLC0415 - the same

            console = Console(file=out, highlight=False, markup=False, emoji=False, soft_wrap=False)
            return LiveRenderer(console, clock=clock, verbose=verbose, dry_run=dry_run)
        case Display.PLAIN:
            return PlainRenderer(out, clock=clock, verbose=verbose, dry_run=dry_run)
        case Display.JSON:
            return JsonRenderer(out, clock=clock)
        case Display.QUIET:
            return QuietRenderer(err)
        case never:
            assert_never(never)

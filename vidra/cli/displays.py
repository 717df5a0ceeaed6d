"""Opens the progress display that a command's options and its output ask for."""

from __future__ import annotations

import os
import sys

from vidra.cli.invocation import Invocation, Verbosity
from vidra.cli.progress import Renderer, choose_display, is_terminal, open_renderer


def open_display_for(invocation: Invocation, *, as_json: bool, dry_run: bool = False) -> Renderer:
    """Return the display that fits where the output goes."""
    display = choose_display(
        json=as_json,
        quiet=invocation.verbosity is Verbosity.QUIET,
        terminal=is_terminal(sys.stdout, os.environ.get("TERM")),
    )
    verbose = invocation.verbosity >= Verbosity.VERBOSE
    return open_renderer(display, out=sys.stdout, err=sys.stderr, verbose=verbose, dry_run=dry_run)

"""Waits with a person for a back end to come up, and asks what to do when it does not."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Final, assert_never

import typer

from vidra.cli.backend_pages import report
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation, Verbosity

if TYPE_CHECKING:
    from vidra.engine.backends.view import BackendView, NoticeView
    from vidra.engine.lifecycle.control_client import Control
    from vidra.supervisor.interface import Remedy

POLL: Final = 0.1
"""Seconds between two looks at how it stands."""
PATIENCE: Final = 60.0
"""Seconds a person at a terminal may think before a slow start is given up."""
TAIL: Final = 20


def attended() -> bool:
    """Whether a person is there to be asked."""
    return sys.stdin.isatty() and sys.stderr.isatty()


class Waiting:
    """Waits for one back end; `ask` picks one of the remedies, None to leave it at that."""

    def __init__(
        self, control: Control, invocation: Invocation, ask: Callable[[NoticeView], Remedy | None] | None
    ) -> None:
        self._control, self._invocation, self._ask = control, invocation, ask
        self._shown: str | None = None

    def until_up(self, name: str, *, limit: float) -> tuple[BackendView, int]:
        """Return how it stands once it is healthy, has failed, or time is up; and the exit code for that."""
        from vidra.supervisor.interface import BackendState  # noqa: PLC0415 - `vidra --help` must stay fast

        deadline = time.monotonic() + limit
        while True:
            view = self._control.show(name)
            if view.state is BackendState.HEALTHY:
                return view, ExitCode.OK
            if self._has_news(view) and self._deal_with(view):
                deadline = time.monotonic() + limit
                continue
            if view.state in {BackendState.FAILED, BackendState.FOREIGN, BackendState.STOPPED}:
                return view, ExitCode.FAILED
            if time.monotonic() >= deadline:
                typer.echo(f"{name} is {view.state.value} after {limit:g} s: {view.reason}", err=True)
                return view, ExitCode.FAILED
            time.sleep(POLL)

    def _has_news(self, view: BackendView) -> bool:
        return view.notice is not None and view.notice.at != self._shown

    def _deal_with(self, view: BackendView) -> bool:
        """Tell what is wrong, do what the person chooses; return whether to wait on."""
        assert view.notice is not None  # noqa: S101 - only called with news
        self._shown = view.notice.at
        verbosity = self._invocation.verbosity
        everything = verbosity >= Verbosity.VERBOSE
        lines = report(view.notice, every_line=everything, debug=self._invocation.debug)
        if verbosity > Verbosity.QUIET or view.notice.remedies:
            typer.echo("\n".join(lines), err=True)
        if self._ask is None or not view.notice.remedies:
            return False
        chosen = self._ask(view.notice)
        while chosen is not None and not self._act(view, chosen):
            chosen = self._ask(view.notice)
        return chosen is not None

    def _act(self, view: BackendView, chosen: Remedy) -> bool:
        """Do it; return False for what only informs, after which the question is put again."""
        from vidra.supervisor.interface import Remedy  # noqa: PLC0415 - as above

        match chosen:
            case Remedy.KEEP_WAITING:
                self._control.keep_waiting(view.name)
                return True
            case Remedy.RESTART | Remedy.RETRY:
                self._control.restart(view.name, patience=PATIENCE)
                return True
            case Remedy.VIEW_LOGS | Remedy.VIEW_FULL_LOGS:
                _show_log(view, everything=chosen is Remedy.VIEW_FULL_LOGS)
            case Remedy.QUIT_OTHERS:
                typer.echo("End a program that uses one of the ports above, then choose Retry.", err=True)
            case Remedy.DOWNLOAD_INSTALLER:
                typer.echo("Install the program at the path above again, or correct `command`.", err=True)
            case _:
                assert_never(chosen)
        return False


def ask_person(notice: NoticeView) -> Remedy | None:
    """Let the person choose by number; Enter alone, or the end of the input, leaves it at that."""
    choices = {str(number): remedy for number, remedy in enumerate(notice.remedies, 1)}
    shown = "   ".join(f"{number}) {remedy.value}" for number, remedy in choices.items())
    try:
        while (
            said := typer.prompt(f"{shown}   Enter) leave", default="", show_default=False, err=True)
        ) != "":
            if said in choices:
                return choices[said]
    except typer.Abort:
        return None
    return None


def _show_log(view: BackendView, *, everything: bool) -> None:
    from vidra.supervisor.log_reading import last_lines  # noqa: PLC0415 - as above

    if view.log_file is not None:
        typer.echo("\n".join(last_lines(Path(view.log_file), 10 * TAIL if everything else TAIL)), err=True)

"""What every way of showing progress promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from enum import StrEnum, unique
from types import TracebackType
from typing import Self

from vidra.cli.progress.changes import Change


@unique
class Display(StrEnum):
    """The ways to show progress."""

    LIVE = "live"
    """Bars that move in place; needs a terminal."""
    PLAIN = "plain"
    """A line per change of state; for pipes, logs and cron mail."""
    JSON = "json"
    """One JSON object a line; for programs."""
    QUIET = "quiet"
    """Nothing but failures."""


class Renderer(ABC):
    """Shows a stream of changes; used as a context manager around the work it shows.

    `show` is cheap, may be called from any thread, and takes changes in any order and more than
    once. Leaving the context restores the terminal, whatever happened. The output's own errors
    (a closed pipe) are raised to the caller of `show`.
    """

    @abstractmethod
    def show(self, change: Change) -> None:
        """Take note of a change, and show it now or soon."""

    @abstractmethod
    def finish(self) -> None:
        """Show the result: totals, the files that are there now, and what failed. Called once, last."""

    def __enter__(self) -> Self:
        """Prepare the terminal, if it needs preparing."""
        return self

    def __exit__(  # noqa: B027 - nothing to give back is the usual case
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Give the terminal back, if it was taken."""

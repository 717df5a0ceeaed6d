"""Shows the downloads of subscriptions while a run of theirs is under way."""

from __future__ import annotations

import threading
from collections.abc import Collection
from contextlib import ExitStack
from types import TracebackType
from typing import Final, Self

from vidra.cli.following import JobFollower
from vidra.cli.progress import Notice, Renderer
from vidra.state import State
from vidra.state.interface import TERMINAL

POLL: Final = 0.3
"""Seconds between two looks for jobs; they are read from memory and a `stat`."""


class SubscriptionFollower:
    """Follows every job of these subscriptions that is or gets under way while its context lasts."""

    def __init__(self, state: State, names: Collection[str], renderer: Renderer) -> None:
        self._state, self._names, self._renderer = state, frozenset(names), renderer
        self._seen = {job.job_id for job in state.jobs.list(statuses=TERMINAL)}
        self._found = False
        self._stop = threading.Event()
        self._followers = ExitStack()
        self._thread = threading.Thread(target=self._watch, name="vidra-subscriptions", daemon=True)

    def __enter__(self) -> Self:
        """Begin to look."""
        self._renderer.__enter__()
        self._renderer.show(Notice(text=f"Looking what is new: {', '.join(sorted(self._names))}"))
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the rest; the totals only if there was anything to download."""
        self._stop.set()
        self._thread.join()
        try:
            if error is None:
                self._look()
            self._followers.__exit__(kind, error, trace)
            if self._found:
                self._renderer.finish()
        finally:
            self._renderer.__exit__(kind, error, trace)

    def _watch(self) -> None:
        while not self._stop.wait(POLL):
            self._look()

    def _look(self) -> None:
        for job in self._state.jobs.list():
            if job.subscription in self._names and job.job_id not in self._seen:
                self._seen.add(job.job_id)
                self._found = True
                self._followers.enter_context(JobFollower(self._state, job.job_id, self._renderer))

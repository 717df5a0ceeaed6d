"""Turns what the state's change feed says into what a progress display is told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from types import TracebackType
from typing import Self, assert_never

from vidra.cli.progress import (
    Change as Shown,
)
from vidra.cli.progress import (
    EntryChanged,
    JobChanged,
    LogAppended,
    ProgressChanged,
    Renderer,
)
from vidra.errors import JobNotFound
from vidra.state import Change, ChangeKind, State
from vidra.state.interface import Entry


class JobFollower:
    """Shows a job's changes from a thread of its own, for as long as its context lasts.

    What was written before the context is left is still shown.
    """

    def __init__(self, state: State, job_id: str, renderer: Renderer) -> None:
        self._state, self._job_id, self._renderer = state, job_id, renderer
        self._entries: dict[int, Entry] = {}
        self._stop = threading.Event()
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._follow, name="vidra-display", daemon=True)
        self._feed = state.feed(job_id)
        self._cursor = self._feed.now()

    def __enter__(self) -> Self:
        """Show what is there already, then follow."""
        self._read_anew()
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Show the rest; raise what the display failed with, unless something worse is under way."""
        self._stop.set()
        self._thread.join()
        if self._failure is not None and error is None:
            raise self._failure

    def _follow(self) -> None:
        try:
            for batch in self._feed.follow(self._cursor, stop=self._stop):
                if batch.reset:
                    self._read_anew()
                # Files are read one after the other, the jobs first: by the time a job is seen to be
                # over, its entries' last changes are in the same batch and belong before it.
                for change in sorted(batch.changes, key=_tells_of_the_job):
                    for shown in self._translate(change):
                        self._renderer.show(shown)
        except BaseException as failure:  # noqa: BLE001 - the thread's outermost edge; raised by __exit__
            self._failure = failure

    def _read_anew(self) -> None:
        try:
            job = self._state.jobs.get(self._job_id)
        except JobNotFound:  # a dry run forgets its job at the end; what is shown stays true
            return
        self._renderer.show(JobChanged(job=job))
        progress = self._state.jobs.progress(self._job_id)
        if progress is not None:
            self._renderer.show(ProgressChanged(job_id=self._job_id, progress=progress))
        for entry in self._state.entries(self._job_id).all():
            self._entries[entry.index] = entry
            self._renderer.show(EntryChanged(job_id=self._job_id, entry=entry))

    def _translate(self, change: Change) -> Iterator[Shown]:
        match change.kind:
            case ChangeKind.JOB:
                assert change.job is not None  # noqa: S101 - the change's contract, for the type checkers
                yield JobChanged(job=change.job)
            case ChangeKind.PROGRESS:
                assert change.progress is not None  # noqa: S101 - the same
                yield ProgressChanged(job_id=change.job_id, progress=change.progress)
            case ChangeKind.ENTRY:
                assert change.entry is not None  # noqa: S101 - the same
                # The record comes without figures: keep the last ones, or the bar would flicker.
                before = self._entries.get(change.entry.index)
                known = change.entry.progress or (before and before.progress)
                entry = change.entry
                if known is not entry.progress:  # copies of thousands of fresh entries would cost memory
                    entry = entry.model_copy(update={"progress": known})
                self._entries[entry.index] = entry
                yield EntryChanged(job_id=change.job_id, entry=entry)
            case ChangeKind.ENTRY_PROGRESS:
                found = self._entries.get(change.index or 0)
                if found is not None:
                    shown = found.model_copy(update={"progress": change.progress})
                    self._entries[found.index] = shown
                    yield EntryChanged(job_id=change.job_id, entry=shown)
            case ChangeKind.LOG:
                assert change.line is not None  # noqa: S101 - the same
                yield LogAppended(job_id=change.job_id, line=change.line)
            case ChangeKind.REMOVED | ChangeKind.OPTIONS:
                return
            case never:
                assert_never(never)


def _tells_of_the_job(change: Change) -> bool:
    return change.kind in {ChangeKind.JOB, ChangeKind.PROGRESS}

"""Turns the policy's words into events for subscribers, lines in the log and a short history."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from vidra.clock import Clock
from vidra.supervisor.diagnosis import remedies_for, split_trace, text_of
from vidra.supervisor.happenings import Changed, Told
from vidra.supervisor.interface import BackendEvent, Notice, NoticeKind, StatusChange
from vidra.supervisor.logs import LogBook

_HISTORY: Final = 200
"""Events remembered for each back end."""
_LOUD: Final = frozenset({NoticeKind.GAVE_UP, NoticeKind.LEFTOVERS})
"""Notices that belong into `backend_errors.log` too."""


class Teller:
    """Tells about one back end."""

    def __init__(self, book: LogBook, clock: Clock, publish: Callable[[BackendEvent], None]) -> None:
        self._book, self._clock, self._publish = book, clock, publish
        self.history: deque[BackendEvent] = deque(maxlen=_HISTORY)
        self.since = clock.now()
        self.cause: str | None = None
        """Class name of the error behind a failed start: it decides what is offered."""
        self.evidence: Sequence[str] = ()
        """Lines that go with the next notice; without any, the end of the log does."""

    def announce(self, change: Changed, *, pid: int | None, url: str | None) -> None:
        """Tell that the state changed."""
        self.since = self._clock.now()
        self._book.remark(f"{change.old} -> {change.new}: {change.reason}")
        self._emit(
            StatusChange(
                name=self._book.name,
                old=change.old,
                new=change.new,
                reason=change.reason,
                text=text_of(change.new),
                at=self.since,
                pid=pid,
                url=url,
                muted=change.muted,
            )
        )

    def tell(self, told: Told) -> None:
        """Tell something else."""
        plain, trace = split_trace(self._book.tail())
        loud = told.kind in _LOUD
        self._book.remark(f"{told.kind}: {told.message}", error=loud, evidence=self.evidence if loud else ())
        self._emit(
            Notice(
                name=self._book.name,
                kind=told.kind,
                message=told.message,
                at=self._clock.now(),
                remedies=remedies_for(told.kind, self.cause),
                evidence=tuple(self.evidence or plain),
                trace=trace,
            )
        )

    def _emit(self, event: BackendEvent) -> None:
        self.history.append(event)
        self._publish(event)

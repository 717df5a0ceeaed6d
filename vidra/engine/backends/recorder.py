"""Writes down what happens to back ends while it happens, so that clients hear of it at once."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.backends.view import BackendView, notice_view
from vidra.errors import StateError
from vidra.redaction import redact
from vidra.state.backend_health import BackendHappening, BackendHealth, Standing
from vidra.supervisor.interface import BackendEvent, Notice, StatusChange

log = logging.getLogger(__name__)

STATUS: Final = "backend-status"
NOTICE: Final = "backend-notice"


class BackendRecorder:
    """Hears the supervisor's events and stores them, a batch at a time, in a thread of their own."""

    def __init__(self, health: BackendHealth, *, clock: Clock = SYSTEM_CLOCK) -> None:
        self._health, self._clock = health, clock
        self._queue: asyncio.Queue[tuple[BackendHappening, BackendView]] = asyncio.Queue()
        self.view: Callable[[str], BackendView] | None = None
        """How a back end stands now; set before the first event."""

    def hear(self, event: BackendEvent) -> None:
        """Queue the event together with how the back end stands behind it."""
        if self.view is not None:
            self._queue.put_nowait((happening_of(event), self.view(event.name)))

    @asynccontextmanager
    async def recording(self) -> AsyncIterator[None]:
        """Write for as long as the context lasts; what is queued when it is left is written too."""
        writer = asyncio.create_task(self._write_for_ever(), name="back end records")
        try:
            yield
        finally:
            await self._queue.join()
            writer.cancel()
            await asyncio.wait([writer])

    async def _write_for_ever(self) -> None:
        while True:
            batch = [await self._queue.get()]
            while not self._queue.empty():
                batch.append(self._queue.get_nowait())
            try:
                await asyncio.to_thread(self._write, batch)
            except StateError as error:  # a full disk must not stop supervision; the log has the events too
                log.error("what happened to back ends is not recorded: %s", redact(str(error)))  # noqa: TRY400 - the text says it all
            finally:
                for _ in batch:
                    self._queue.task_done()

    def _write(self, batch: list[tuple[BackendHappening, BackendView]]) -> None:
        now = iso(self._clock.now())
        latest = {view.name: view for _, view in batch}
        self._health.record(
            [happening for happening, _ in batch],
            [standing_of(view, now) for view in latest.values() if not view.part],
        )


def standing_of(view: BackendView, at: str) -> Standing:
    """Return what is kept of how a back end stands."""
    return Standing(name=view.name, at=at, facts=view.model_dump(mode="json"))


def happening_of(event: BackendEvent) -> BackendHappening:
    """Return what is kept of an event, secrets masked."""
    kind, facts = (STATUS, _status(event)) if isinstance(event, StatusChange) else (NOTICE, _notice(event))
    return BackendHappening(name=event.name, event=kind, at=iso(event.at), facts=facts)


def _status(event: StatusChange) -> dict[str, Any]:
    return {
        "old": event.old.value,
        "new": event.new.value,
        "reason": redact(event.reason),
        "text": event.text,
        "pid": event.pid,
        "url": event.url,
        "muted": event.muted,
    }


def _notice(event: Notice) -> dict[str, Any]:
    return notice_view(event).model_dump(mode="json")

"""One look at all back ends: what they answered, the table a person wants to see, events and notices."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Sequence
from types import TracebackType
from typing import Final, Self

from prefect.events import emit_event

from tasks.artifacts import leave_table
from tasks.backend_notices import due_notices
from tasks.reporting import RunLogger
from tasks.run_settings import run_settings
from tasks.telling import tell
from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.backends.recorder import STATUS, standing_of
from vidra.engine.backends.standings import open_health
from vidra.engine.backends.view import ProbeView
from vidra.engine.lifecycle.control_client import Control
from vidra.redaction import redact
from vidra.state.backend_health import BackendHappening, Sample, Told
from vidra.supervisor.interface import BackendState

ARTIFACT: Final = "backends"


class BackendWatch:
    """What the steps of the flow need. Use it as a context manager."""

    def __init__(self, *, run_logger: RunLogger, clock: Clock = SYSTEM_CLOCK) -> None:
        self._logger, self._clock = run_logger, clock
        self._settings = run_settings()
        self._control = Control(self._settings)
        self._health = open_health(self._settings)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Let go of the records."""
        self._health.close()

    async def look(self, *, dry_run: bool) -> Sequence[ProbeView]:
        """Have every back end probed, all at the same time, and acted upon; with `dry_run` only look.

        Raises `EngineUnreachable` when nobody supervises.
        """
        if not dry_run:
            return await self._control.probe_async()
        views = await asyncio.to_thread(self._control.list)
        return [ProbeView(backend=view, detail="not asked: dry run") for view in views if not view.part]

    def remember(self, found: Sequence[ProbeView]) -> None:
        """Store how all stand and what each answered."""
        now = iso(self._clock.now())
        self._health.record((), [standing_of(one.backend, now) for one in found])
        self._health.sample(
            Sample(
                name=one.backend.name,
                at=now,
                state=one.backend.state.value,
                answer=one.answer,
                latency=one.latency,
                detail=redact(one.detail),
            )
            for one in found
        )

    async def leave_table(self, found: Sequence[ProbeView], *, only_changes: bool) -> bool:
        """Leave the health table; return whether it was left. One every 30 s would be 3,000 a day."""
        now = {one.backend.name: one.backend.state.value for one in found}
        told = self._health.told()
        if only_changes and now == told.states:
            return False
        self._health.tell(told.model_copy(update={"states": now}))
        table = [_row(one) for one in found]
        await leave_table(ARTIFACT, table, "How every back end does")
        return True

    async def tell(self) -> int:
        """Log, emit and send what has happened since the last look; return how many events there were."""
        told = self._health.told()
        news = self._health.since(told.number)
        for happening in news.events:
            self._logger.info("%s", _sentence(happening))
            emit_event(
                event=f"vidra.{happening.event}",
                resource={"prefect.resource.id": f"vidra.backend.{happening.name}"},
                payload={"backend": happening.name, "at": happening.at, **happening.facts},
            )
        notices, last = due_notices(news.events, self._settings.backends, told.last)
        await tell(notices, self._settings, self._logger)
        if news.events or news.latest != told.number:
            self._health.tell(Told(number=news.latest, last=last, states=told.states))
        return len(news.events)


def summary(found: Sequence[ProbeView]) -> str:
    """Return how many stand how, in one line: `2 healthy, 1 failed`."""
    counts = Counter(one.backend.state for one in found)
    named = [f"{counts[state]} {state.value}" for state in BackendState if counts[state]]
    return ", ".join(named) or "no back ends are declared"


def _row(one: ProbeView) -> dict[str, object]:
    backend = one.backend
    return {
        "name": backend.name,
        "state": backend.state.value,
        "reason": redact(backend.reason),
        "answer": redact(one.detail),
        "seconds": "" if one.latency is None else round(one.latency, 4),
        "crashes": backend.crashes,
        "restarts": backend.restarts,
        "since": backend.since,
        "url": backend.url or "",
    }


def _sentence(happening: BackendHappening) -> str:
    facts = happening.facts
    if happening.event == STATUS:
        return f"{happening.name}: {facts['old']} -> {facts['new']}: {facts['reason']}"
    return f"{happening.name}: {facts['kind']}: {redact(str(facts['message']))}"

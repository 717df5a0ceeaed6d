"""One deployment for each source that is synced by itself."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from vidra.engine.deployments.declarations import Declaration, Schedule
from vidra.engine.deployments.pacing import pacing_variables
from vidra.engine.subscriptions.deployments import FROM_YAML
from vidra.settings import ScheduleSettings, Settings
from vidra.state import open_configured_state

FLOW: Final = "library-sync"
ENTRYPOINT: Final = "flows.library_sync.library_sync"
PREFIX: Final = "library-sync-"
_STAGGER_S: Final = 60.0
"""Sources start up to this much apart, so that not all are listed in the same second."""


def source_ids(settings: Settings) -> Sequence[str]:
    """Return the ids of all sources, declared or added."""
    folder = settings.storage.data_dir
    stored: list[str] = []
    if any((folder / f"sources.{ending}").exists() for ending in ("json", "journal")):
        with open_configured_state(settings.storage) as state:
            stored = [source.source_id for source in state.sources.list()]
    return sorted({*stored, *settings.sources})


def library_deployments(settings: Settings) -> Sequence[Declaration]:
    """Return the deployments of all sources that are synced by themselves; none without sources."""
    library = settings.library
    return [_declaration(settings, one) for one in source_ids(settings) if library.of(one).active]


def _declaration(settings: Settings, source: str) -> Declaration:
    wanted = settings.library.of(source)
    every = None if wanted.cron else wanted.interval or settings.library.interval
    schedule = ScheduleSettings(
        cron=wanted.cron,
        interval=every,
        timezone=wanted.timezone,
        quiet_hours=wanted.quiet_hours,
        jitter=min(_STAGGER_S, every or _STAGGER_S),
    )
    when = Schedule(slug="0", cron=wanted.cron, interval=every, timezone=wanted.timezone)
    return Declaration(
        name=f"{PREFIX}{source}",
        entrypoint=ENTRYPOINT,
        pool=settings.engine.pool,
        description=f"Bring the library of {source} up to date.",
        tags=("vidra", "library", FROM_YAML),
        parameters={"request": {"sources": [source]}},
        schedules=(when,),
        concurrency_limit=1,
        collision_strategy="CANCEL_NEW",
        job_variables=pacing_variables(schedule, wanted.timezone),
    )

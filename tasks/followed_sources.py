"""Declared sources appear, change and go with the configuration, and their schedules with them."""

from __future__ import annotations

import asyncio

from prefect.runtime import deployment

from tasks.reporting import RunLogger
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.deployments.applying import apply_deployments
from vidra.engine.deployments.declared import declared_deployments
from vidra.engine.library.forgetting import follow_configured
from vidra.errors import EngineError
from vidra.settings import Settings
from vidra.state.source_interface import SourceStore


async def follow_sources(settings: Settings, store: SourceStore, *, run_logger: RunLogger) -> None:
    """Bring the sources in line with the configuration; in an engine that runs on, its schedules too."""
    followed = await asyncio.to_thread(follow_configured, settings, store, clock=SYSTEM_CLOCK)
    if not (followed.added or followed.removed):
        return
    named = ", ".join((*followed.added, *followed.removed))
    run_logger.info("the configuration brought or took away: %s", named)
    if deployment.get_id() is None:  # a private server, which has no schedules
        return
    try:
        await apply_deployments(await asyncio.to_thread(declared_deployments, settings))
    except EngineError as error:
        run_logger.warning("schedules are as before until `vidra deploy`: %s", error)

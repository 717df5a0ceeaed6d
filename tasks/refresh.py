"""After a download: let the media servers know, without keeping the job waiting or failing it."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final

import anyio

from tasks.artifacts import leave_table
from tasks.job_work import JobWork
from tasks.reporting import RunLogger
from tasks.run_settings import run_settings
from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.library.asking import sync_after_download
from vidra.engine.sources.access import open_sources
from vidra.engine.sources.refreshing import (
    FLOW,
    RefreshQueue,
    Told,
    ask_for_refresh,
    servers_to_tell,
    tell_servers,
    told_row,
)
from vidra.engine.sources.schedules import has_sources
from vidra.errors import EngineError, VidraError
from vidra.media.interface import LogLevel
from vidra.redaction import redact
from vidra.servers.announce import DEBOUNCE
from vidra.settings import Settings
from vidra.state import open_configured_state
from vidra.state.interface import EntryStatus

_HERE_LIMIT: Final = 5.0
"""Seconds that a run without an engine spends on telling servers: a person waits for its end."""
_MOST_ROUNDS: Final = 20


async def announce_downloads(work: JobWork) -> None:
    """Let the servers hear of the job's files; whatever goes wrong is a line in its log and no more."""
    try:
        await _announce(work)
    except (VidraError, OSError) as error:
        work.reporter.log(LogLevel.WARNING, f"media servers were not told: {redact(str(error))}")


async def _announce(work: JobWork) -> None:
    if not await asyncio.to_thread(has_sources, work.settings):
        return
    files = [
        entry.main_file
        for entry in work.entries()
        if entry.main_file and entry.status is EntryStatus.COMPLETED
    ]
    servers = servers_to_tell(work.state.sources.list())
    if not files or not servers:
        return
    with RefreshQueue(work.settings.storage.data_dir, clock=SYSTEM_CLOCK) as queue:
        await asyncio.to_thread(queue.add, servers, files)
    try:
        await ask_for_refresh()
    except EngineError:  # a private server has no deployments: nobody else will tell them
        told = await _tell_here(work.settings)
        for one in told:
            work.reporter.log(LogLevel.INFO, f"{one.source_id}: {one.problem or 'told of new files'}")


async def _tell_here(settings: Settings) -> Sequence[Told]:
    """Ask for the scans and do not look what comes of them; what takes too long waits in the queue."""
    told: Sequence[Told] = ()
    with anyio.move_on_after(_HERE_LIMIT), open_configured_state(settings.storage) as state:
        async with open_sources(settings, state.sources) as room:
            with RefreshQueue(settings.storage.data_dir, clock=SYSTEM_CLOCK) as queue:
                told = await tell_servers(room, queue, look_after=())
    return told


async def refresh_libraries(run_logger: RunLogger, *, clock: Clock = SYSTEM_CLOCK) -> Sequence[Told]:
    """Wait until no more files come, then tell every server; until nothing new waits."""
    settings, told = run_settings(), list[Told]()
    with open_configured_state(settings.storage) as state:
        async with open_sources(settings, state.sources) as room:
            with RefreshQueue(settings.storage.data_dir, clock=clock) as queue:
                for _ in range(_MOST_ROUNDS):
                    await _until_quiet(queue, clock)
                    found = await tell_servers(room, queue)
                    told += found
                    if not any(one.result for one in found):
                        break
    for one in told:
        text = one.problem or f"{len(one.files)} file(s): {one.result}"
        run_logger.info("%s: %s", one.source_id, text)
    return told


async def _until_quiet(queue: RefreshQueue, clock: Clock) -> None:
    """Wait until the newest file is `DEBOUNCE` seconds old, but no longer than six times that."""
    for _ in range(6):
        newest = await asyncio.to_thread(queue.newest)
        left = 0.0 if newest is None else DEBOUNCE - (clock.now() - newest).total_seconds()
        if left <= 0:
            return
        await anyio.sleep(left)


async def sync_refreshed(told: Sequence[Told]) -> None:
    """Ask for a sync of the servers that took the news, so that what is new is known here too."""
    heard = {one.source_id for one in told if one.result is not None}
    await sync_after_download(run_settings(), heard)


async def publish_refresh(told: Sequence[Told]) -> None:
    """Leave a table of which server heard of how many files."""
    if told:
        description = "Which media server was told of new files"
        await leave_table(FLOW, [told_row(one) for one in told], description)

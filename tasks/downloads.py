"""Downloads a job's entries side by side; each is a Prefect task, unless a subscription wants them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from typing import Final

from prefect import task

from tasks.artifacts import publish_downloads
from tasks.job_work import JobWork
from tasks.refresh import announce_downloads
from tasks.retry_policy import retry_policy, tried_again
from tasks.tmdb_notes import add_notes
from vidra.errors import Cancelled, LeftOut, MediaError, Refused, SitePaused
from vidra.media.interface import DownloadedMedia, LogLevel
from vidra.state.interface import Entry

WAIT_FOR_TWIN: Final = 0.5
"""Seconds between two looks whether another job is done with the same item."""


@task(name="download entry", task_run_name="download {entry.title}")
async def download_entry(work: JobWork, entry: Entry) -> DownloadedMedia:
    """Download, verify and deliver one entry. Raises the media room's errors; `TryLater` is retried."""
    return await _download_in_turn(work, entry)


async def _download_in_turn(work: JobWork, entry: Entry) -> DownloadedMedia:
    """Download, verify and deliver one entry. Raises the media room's errors.

    Waits for a slot of the site first; that time does not count as the entry's.
    """
    limit = work.settings.downloads.entry_timeout
    async with work.politeness.downloading(entry.url, who=entry.index):
        try:
            async with asyncio.timeout(limit):
                return await _fetch(work, entry)
        except TimeoutError as error:
            raise MediaError(f"not done within {limit:g} s (`downloads.entry_timeout`)") from error


async def _fetch(work: JobWork, entry: Entry) -> DownloadedMedia:
    """Download the entry; with the owner's cookies only if it is refused without them."""
    try:
        return await work.sessions.run(lambda session, stop: work.download(session, entry, stop))
    except Refused as refused:
        knowing = work.sessions_with_cookies()
        if knowing is None:
            raise
        work.reporter.log(LogLevel.INFO, f"Once more with cookies: {refused}", entry=entry)
    return await knowing.run(lambda session, stop: work.download(session, entry, stop))


async def carry_out(work: JobWork, *, slots: asyncio.Semaphore | None = None) -> None:
    """Download what the job's stored entries ask for, record how it ended, and tell who wants to know."""
    work.begin()
    await download_entries(work, slots=slots)
    await add_notes(work)
    work.finish()
    await announce_downloads(work)
    await publish_downloads(work.job_id, work.entries())


async def download_entries(work: JobWork, *, slots: asyncio.Semaphore | None = None) -> None:
    """Download every entry that is not done, at most `downloads.concurrency` at a time.

    Jobs that are worked on side by side share their `slots`.
    """
    slots = slots or asyncio.Semaphore(work.settings.downloads.concurrency)
    async with asyncio.TaskGroup() as group:
        for entry in work.pending_entries():
            group.create_task(_download_alone(work, entry, slots))


async def _download_alone(work: JobWork, entry: Entry, slots: asyncio.Semaphore) -> None:
    """Download one entry; its failure is recorded and stays its own."""

    async def download() -> DownloadedMedia:
        work.reporter.started(entry)
        return await _tried(work, entry)

    async with slots, _alone_with(work, entry):
        if work.has_failed_enough() or work.take_over(entry):
            return
        try:
            media = await work.politeness.patiently(
                download,
                entry.url,
                who=entry.index,
                waits=lambda paused: work.reporter.waiting(entry, paused),
            )
        except Cancelled:
            raise
        except SitePaused as paused:
            work.put_off(paused, entry)
        except LeftOut as reason:
            work.leave_out(entry, reason)
        except Exception as error:  # noqa: BLE001 - the outermost edge of an entry; recorded, and the job fails with it
            work.record_failure(entry, error)
        else:
            work.record(entry, media)


async def _tried(work: JobWork, entry: Entry) -> DownloadedMedia:
    """Download the entry, tried again as the settings say; as a task unless a subscription wants it."""
    settings = work.settings.downloads
    if work.job.subscription is None:
        return await download_entry.with_options(**retry_policy(settings))(work, entry)
    return await tried_again(
        partial(_download_in_turn, work, entry),
        settings,
        tell=lambda text: work.reporter.log(LogLevel.WARNING, text, entry=entry),
    )


@asynccontextmanager
async def _alone_with(work: JobWork, entry: Entry) -> AsyncIterator[None]:
    """Wait while another job fetches the very same item, if what the archive has is not wanted again."""
    if not work.job.skip_archived:
        yield
        return
    lock = work.item_lock(entry)
    held = lock.try_acquire()
    while not held and (holder := lock.holder()) is not None and holder.purpose == (entry.key or entry.url):
        await asyncio.sleep(WAIT_FOR_TWIN)
        held = lock.try_acquire()
    try:
        yield  # not held here: by somebody who fetches another item
    finally:
        lock.release()

"""Downloads a job's entries side by side, each as a Prefect task of its own."""

from __future__ import annotations

import asyncio

from prefect import task

from tasks.job_work import JobWork
from tasks.retry_policy import retry_policy
from vidra.errors import Cancelled, MediaError, SitePaused
from vidra.media.interface import DownloadedMedia
from vidra.state.interface import Entry


@task(name="download entry", task_run_name="download {entry.title}")
async def download_entry(work: JobWork, entry: Entry) -> DownloadedMedia:
    """Download, verify and deliver one entry. Raises the media room's errors; `TryLater` is retried.

    Waits for a slot of the site first; that time does not count as the entry's.
    """
    limit = work.settings.downloads.entry_timeout
    async with work.politeness.downloading(entry.url, who=entry.index):
        try:
            async with asyncio.timeout(limit):
                return await work.sessions.run(lambda session, stop: work.download(session, entry, stop))
        except TimeoutError as error:
            raise MediaError(f"not done within {limit:g} s (`downloads.entry_timeout`)") from error


async def download_entries(work: JobWork) -> None:
    """Download every entry that is not done, at most `downloads.concurrency` at a time."""
    slots = asyncio.Semaphore(work.settings.downloads.concurrency)
    async with asyncio.TaskGroup() as group:
        for entry in work.pending_entries():
            group.create_task(_download_alone(work, entry, slots))


async def _download_alone(work: JobWork, entry: Entry, slots: asyncio.Semaphore) -> None:
    """Download one entry; its failure is recorded and stays its own."""
    run = download_entry.with_options(**retry_policy(work.settings.downloads))

    async def download() -> DownloadedMedia:
        work.reporter.started(entry)
        return await run(work, entry)

    async with slots:
        if work.has_failed_enough():
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
        except Exception as error:  # noqa: BLE001 - the outermost edge of an entry; recorded, and the job fails with it
            work.reporter.failed(entry, error)
        else:
            work.record(entry, media)

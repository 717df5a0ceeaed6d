"""Finds out what a job's URLs name, before anything is downloaded."""

from __future__ import annotations

from functools import partial

import anyio.to_thread
from prefect import task

from tasks.job_work import JobWork
from tasks.retry_policy import retry_policy
from vidra.media.interface import LogLevel, Stage
from vidra.redaction import redact_url

LISTING_TIMEOUT = 600.0
"""Seconds for one listing; a channel with thousands of entries takes minutes at a polite pace."""


@task(name="list entries", task_run_name="list {label}")
async def list_url(work: JobWork, url: str, label: str) -> str:
    """Ask what the URL is: one item, or a list of them. Raises the media room's errors.

    The listing stays with the work; Prefect would keep what is returned until the end of the run.
    """
    async with work.politeness.asking(url, who=label):
        listing = await work.sessions.run(lambda session, stop: work.list(session, url, stop))
    work.listings.append(listing)
    return f"{len(listing.entries)} entries"


async def list_entries(work: JobWork) -> None:
    """Store the entries of all the job's URLs, unless an earlier run already did."""
    if work.entries():
        return
    work.reporter.stage(Stage.IDENTIFYING, "Identifying the content")
    policy = retry_policy(work.settings.downloads)
    ask = list_url.with_options(timeout_seconds=LISTING_TIMEOUT, **policy)
    for url in work.job.urls:
        label = redact_url(url)
        await work.politeness.patiently(
            partial(ask, work, url, label),
            url,
            who=label,
            waits=lambda paused: work.reporter.log(LogLevel.INFO, f"waits: {paused}"),
        )
    await anyio.to_thread.run_sync(work.store_listings)

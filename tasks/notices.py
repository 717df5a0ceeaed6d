"""What people are told of jobs and subscriptions: a message for each run, not for each item."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Final

from tasks.job_work import JobWork
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.jobs.resolution import subscription_of
from vidra.engine.notices.notifying import asend
from vidra.notices import Notice
from vidra.settings.notices import NoticeEvent
from vidra.state.interface import Entry, EntryStatus, Job, JobStatus

MOST_LINES: Final = 20
"""Items a message names; it counts the others."""
_FAILURES: Final = frozenset({JobStatus.FAILED, JobStatus.COMPLETED_WITH_ERRORS})


async def tell_end(work: JobWork, *, dry_run: bool) -> None:
    """Tell the owner how a job ended that was worked on by itself, with what was held back for that.

    What an interrupted run of a subscription left to do is told as the subscription's.
    """
    own = subscription_of(work.job.subscription, work.settings)
    channels = None if own is None else own.notifications
    notices = [] if dry_run else job_notices(work.job, work.entries(), channels=channels)
    await asend(notices, work.settings)


def job_notices(job: Job, entries: Sequence[Entry], *, channels: Sequence[str] | None = None) -> list[Notice]:
    """Return what there is to tell of a job; nothing while it is not over."""
    over = job.status in _FAILURES or job.status is JobStatus.COMPLETED
    if not over:
        return []
    title = str(job.metadata.get("title") or job.metadata.get("playlist_title") or f"job {job.job_id[:8]}")
    return run_notices(
        f"subscription:{job.subscription}" if job.subscription else f"job:{job.job_id}",
        job.subscription or title,
        entries,
        error=job.error if job.status in _FAILURES else None,
        channels=channels,
    )


def run_notices(
    subject: str,
    title: str,
    entries: Sequence[Entry],
    *,
    error: str | None,
    channels: Sequence[str] | None = None,
    event_of_error: NoticeEvent = NoticeEvent.FAILED,
) -> list[Notice]:
    """Return at most two notices: what arrived, and what went wrong; `error` is None if nothing did."""
    done = [entry for entry in entries if entry.status is EntryStatus.COMPLETED]
    bad = [entry for entry in entries if entry.status is EntryStatus.FAILED]
    now, notices = SYSTEM_CLOCK.now(), []
    if done:
        notices.append(
            Notice(
                event=NoticeEvent.DOWNLOADED,
                subject=subject,
                title=f"{title}: {len(done)} downloaded",
                text=lines_of([_name(entry) for entry in done]),
                facts={
                    "downloaded": len(done),
                    "files": [entry.main_file for entry in done[:MOST_LINES] if entry.main_file],
                },
                at=now,
                channels=channels,
            )
        )
    if error is not None:
        failed = [f"{_name(entry)}: {entry.error}" for entry in bad]
        notices.append(
            Notice(
                event=event_of_error,
                subject=subject,
                title=f"{title}: {f'{len(bad)} failed' if bad else 'failed'}"
                if event_of_error is NoticeEvent.FAILED
                else f"{title}: wants your decision",
                text=lines_of(failed) or error,
                facts={"failed": len(bad), "error": error},
                at=now,
                trouble=_fingerprint(bad),
                channels=channels,
            )
        )
    return notices


def _fingerprint(bad: Sequence[Entry]) -> str:
    """Return what tells failures of different items apart; nothing when it was not about items."""
    names = "\n".join(sorted(entry.key or entry.url for entry in bad))
    return hashlib.sha256(names.encode()).hexdigest()[:16] if names else ""


def _name(entry: Entry) -> str:
    return entry.title or entry.url


def lines_of(lines: Sequence[str]) -> str:
    """Return the lines as a text; of many the first, and how many more there are."""
    more = [f"… and {len(lines) - MOST_LINES} more"] if len(lines) > MOST_LINES else []
    return "\n".join([*lines[:MOST_LINES], *more])

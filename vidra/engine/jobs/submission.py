"""Turns a request into a stored job: everything is checked here, before any run exists.

The command line, the shim and the flow itself all come through this door, so a wrong option or
address is refused the same way everywhere, and a refused request leaves no job behind.
"""

from __future__ import annotations

import uuid
from collections.abc import Mapping
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, Clock, iso
from vidra.engine.jobs.resolution import network_policy, resolve, subscription_of, target_root
from vidra.engine.jobs.secrets import store_secrets
from vidra.engine.secret_store import configured_credentials
from vidra.media.addresses import check_url
from vidra.media.request import DownloadRequest
from vidra.settings import Settings
from vidra.state import State
from vidra.state.interface import DesiredState, Job, JobStatus

UNFINISHED: Final = frozenset({JobStatus.QUEUED, JobStatus.PAUSED, JobStatus.STARTING, JobStatus.RUNNING})
"""Statuses of a job that the same request may go on with, if nobody holds the job's lock."""


def submit(
    request: DownloadRequest,
    *,
    settings: Settings,
    state: State,
    clock: Clock = SYSTEM_CLOCK,
    job_id: str | None = None,
    metadata: Mapping[str, Any] | None = None,
    asks_selection: bool = False,
    selection: str | None = None,
    subscription: str | None = None,
    facts: Mapping[str, Any] | None = None,
) -> Job:
    """Check the request and store it as a new job, under `job_id` if one is given.

    With `asks_selection` the job of a list waits for a choice of entries once they are known; `selection`
    is one that was made beforehand. `subscription` names the one that it works for, `facts` are further
    fields of its record. Raises `ValueError` if that id is taken.
    Raises `OptionRefused`, `UrlRefused`, `PathRefused` or `UsageError` when it is wrong, and then
    nothing is stored; `StateError` when the disk does not play along.
    """
    options = _job_options(request)
    own = subscription_of(subscription, settings)
    target_root(resolve(options, preset=request.preset, settings=settings, own=own), settings)
    policy = network_policy(settings)
    urls = tuple(check_url(url, policy) for url in request.urls)
    job = Job(
        job_id=job_id or uuid.uuid4().hex,
        urls=urls,
        created_at=iso(clock.now()),
        creator=request.creator,
        preset=request.preset,
        skip_archived=request.skip_archived,
        dry_run=request.dry_run,
        metadata=metadata or {},
        asks_selection=asks_selection,
        selection=selection,
        subscription=subscription,
        **(facts or {}),
    )
    # Options first: a job record without its options would run with the wrong ones.
    stored = store_secrets(job.job_id, options, lambda: configured_credentials(settings))
    state.options.save(job.job_id, stored)
    return state.jobs.add(job)


def resume_or_submit(
    request: DownloadRequest,
    *,
    settings: Settings,
    state: State,
    clock: Clock = SYSTEM_CLOCK,
    asks_selection: bool = False,
    selection: str | None = None,
) -> Job:
    """Return the unfinished job that the same request made before, or a new one.

    So the same command line, given again after Ctrl-C or a crash, goes on where it stopped; one that waits
    for a choice of entries is found whatever is chosen now. A job that somebody is working on is left
    alone. Raises what `submit` raises.
    """
    if request.job_id is not None:
        return state.jobs.get(request.job_id)
    if not request.dry_run:
        for job in state.jobs.list(statuses=UNFINISHED):
            chosen_alike = job.selection_required or job.selection == selection
            if chosen_alike and _is_same(job, request, state) and _is_free(job, state):
                return state.jobs.update(job.job_id, desired=DesiredState.RUN)
    return submit(
        request,
        settings=settings,
        state=state,
        clock=clock,
        asks_selection=asks_selection,
        selection=selection,
    )


def _is_same(job: Job, request: DownloadRequest, state: State) -> bool:
    if (job.urls, job.preset, job.skip_archived) != (request.urls, request.preset, request.skip_archived):
        return False
    return dict(state.options.load(job.job_id)[1]) == _job_options(request)


def _is_free(job: Job, state: State) -> bool:
    lock = state.job_lock(job.job_id, purpose="look")
    if not lock.try_acquire():
        return False
    lock.release()
    return True


def _job_options(request: DownloadRequest) -> Mapping[str, Any]:
    """Return the request's options as one map; the fields of their own win over `options`."""
    fields = {"format": request.format, "output": request.output}
    return {**request.options, **{name: value for name, value in fields.items() if value is not None}}

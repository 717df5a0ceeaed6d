"""When Prefect tries a task again: for `TryLater` only, backed off, and never before it was told to."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any, TypedDict

import anyio
from prefect import Task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from vidra.errors import TryLater
from vidra.settings import DownloadSettings

RetryCondition = Callable[[Task[..., Any], TaskRun, State[Any]], Awaitable[bool]]


class TaskPolicy(TypedDict):
    """The part of a task's options that says when it is tried again; for `task.with_options(**policy)`."""

    retries: int
    retry_delay_seconds: list[float]
    retry_jitter_factor: float
    retry_condition_fn: RetryCondition
    cache_policy: CachePolicy
    persist_result: bool


def retry_policy(settings: DownloadSettings) -> TaskPolicy:
    """Return the policy the settings ask for: exponential back-off with jitter, `Retry-After` honoured."""
    return TaskPolicy(
        retries=settings.retries,
        retry_delay_seconds=exponential_backoff(settings.retry_backoff)(max(1, settings.retries)),
        retry_jitter_factor=0.3,
        retry_condition_fn=only_try_later(settings.retry_after_cap),
        # What was downloaded is known from the journal; Prefect's own result cache would only copy it.
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def only_try_later(cap: float) -> RetryCondition:
    """Return a condition that waits out `Retry-After` (at most `cap` seconds) and allows `TryLater` only.

    Prefect's delays are fixed beforehand, so the time the other side asked for is waited here; the
    back-off of the policy comes on top and spreads the workers that were told the same second.
    """

    async def condition(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
        error = state.data
        if not isinstance(error, TryLater):
            return False
        if error.retry_after:
            await anyio.sleep(min(error.retry_after, cap))
        return True

    return condition

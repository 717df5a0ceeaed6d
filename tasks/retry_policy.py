"""When something is tried again: for `TryLater` only, backed off, and never before it was told to.

Downloads of jobs are Prefect tasks, and Prefect tries them again. What subscriptions list (ADR-0047) and
download (ADR-0054) is none and goes through `tried_again`, which keeps the same rules.
"""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from typing import Any, TypedDict, TypeVar

import anyio
from prefect import Task
from prefect.cache_policies import NO_CACHE, CachePolicy
from prefect.client.schemas.objects import State, TaskRun

from vidra.errors import SitePaused, TryLater
from vidra.settings import DownloadSettings

T = TypeVar("T")
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
        retry_delay_seconds=_delays(settings),
        retry_jitter_factor=settings.retry_jitter,
        retry_condition_fn=only_try_later(settings.retry_after_cap),
        # What was downloaded is known from the journal; Prefect's own result cache would only copy it.
        cache_policy=NO_CACHE,
        persist_result=False,
    )


def only_try_later(cap: float) -> RetryCondition:
    """Return a condition that allows `TryLater` only, after waiting out its `Retry-After`.

    A wait beyond `cap` seconds is refused: the entry fails, with the time that was asked for in its message.

    Prefect's delays are fixed beforehand, so the time the other side asked for is waited here; the
    back-off of the policy comes on top and spreads the workers that were told the same second.
    """

    async def condition(_task: Task[..., Any], _run: TaskRun, state: State[Any]) -> bool:
        """Judge the state a task has failed with."""
        wanted = _wanted_wait(state.data, cap)
        if wanted is None:
            return False
        await anyio.sleep(wanted)
        return True

    return condition


async def tried_again(
    ask: Callable[[], Awaitable[T]], settings: DownloadSettings, *, tell: Callable[[str], None]
) -> T:
    """Return what `ask` does, after at most as many more tries as a task gets; raises what the last did.

    `tell` hears of each further try, and why.
    """
    for delay in _delays(settings)[: settings.retries]:
        try:
            return await ask()
        except TryLater as error:
            wanted = _wanted_wait(error, settings.retry_after_cap)
            if wanted is None:
                raise
            pause = wanted + delay * random.uniform(1, 1 + settings.retry_jitter)  # noqa: S311 - jitter
            tell(f"Once more in {pause:.1f} s: {error}")
            await anyio.sleep(pause)
    return await ask()


def _wanted_wait(error: object, cap: float) -> float | None:
    """Return the seconds the other side asked for; None if it is not to be tried again at all."""
    if not isinstance(error, TryLater) or isinstance(error, SitePaused):
        return None  # a paused site is waited for by whoever can put the entry off
    wanted = error.retry_after or 0.0
    return wanted if wanted <= cap else None


def _delays(settings: DownloadSettings) -> list[float]:
    return [
        min(settings.retry_delay * settings.retry_backoff**attempt, settings.retry_delay_max)
        for attempt in range(max(1, settings.retries))
    ]

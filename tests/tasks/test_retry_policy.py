"""When a task is tried again."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import uuid4

import pytest
from prefect import task
from prefect.client.schemas.objects import State, StateType, TaskRun

from tasks.retry_policy import only_try_later, retry_policy, tried_again
from vidra.errors import Missing, Refused, TryLater, VerificationFailed
from vidra.settings import DownloadSettings


@task
async def _nothing() -> None:
    """Stand for the task whose run is judged."""


def _allows(error: BaseException, *, cap: float = 10.0) -> bool:
    run = TaskRun(task_key="t", dynamic_key="1", flow_run_id=uuid4())
    state: State[Any] = State(type=StateType.FAILED, data=error)
    return asyncio.run(_judge(run, state, cap))


async def _judge(run: TaskRun, state: State[Any], cap: float) -> bool:
    return await only_try_later(cap)(_nothing, run, state)


@pytest.mark.parametrize(
    ("error", "allowed"),
    [
        (TryLater("busy"), True),
        (TryLater("busy", retry_after=0.01), True),
        (TryLater("busy", retry_after=11), False),
        (Missing("gone"), False),
        (Refused("no"), False),
        (ValueError("a bug"), False),
    ],
)
def test_only_passing_trouble_is_tried_again(error: Exception, allowed: bool) -> None:
    """Everything else would fail the same way again, or asks for more patience than a task has."""
    assert _allows(error) is allowed


def test_a_failed_verification_is_not_tried_again(tmp_path: Any) -> None:
    """A page that pretends to be a video will do so the next time."""
    assert _allows(VerificationFailed(tmp_path / "x.mp4", "an HTML page")) is False


def test_delays_grow_up_to_their_bound() -> None:
    """`retry_delay * retry_backoff ** n`, never beyond `retry_delay_max`."""
    settings = DownloadSettings(retries=4, retry_delay=10, retry_backoff=3, retry_delay_max=100)

    policy = retry_policy(settings)

    assert policy["retries"] == 4
    assert policy["retry_delay_seconds"] == [10, 30, 90, 100]


@pytest.mark.parametrize(
    ("error", "tries"),
    [(TryLater("busy"), 3), (TryLater("busy", retry_after=11), 1), (Missing("gone"), 1)],
)
def test_what_is_no_task_is_tried_again_by_the_same_rules(error: Exception, tries: int) -> None:
    """As often as the settings say, and only passing trouble; what the last try raised comes through."""
    settings = DownloadSettings(retries=2, retry_delay=0.01, retry_delay_max=0.01, retry_after_cap=10)
    made: list[Exception] = []
    told: list[str] = []

    async def ask() -> None:
        """Fail once more."""
        made.append(error)
        raise error

    with pytest.raises(type(error)):
        asyncio.run(tried_again(ask, settings, tell=told.append))
    assert len(made) == tries
    assert told == ["Once more in 0.0 s: busy"] * (tries - 1)


def test_what_works_in_the_end_is_returned() -> None:
    """One busy answer costs a wait, not the run."""
    answers: list[Exception | str] = [TryLater("busy", retry_after=0.01), "there"]

    async def ask() -> str:
        """Give the next answer."""
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    settings = DownloadSettings(retries=2, retry_delay=0.01, retry_delay_max=0.01)
    assert asyncio.run(tried_again(ask, settings, tell=print)) == "there"

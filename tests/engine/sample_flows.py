"""Small flows for the tests of the engine; loaded by module path like the real ones."""

from __future__ import annotations

import asyncio
from pathlib import Path

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.states import Failed

from vidra.errors import TryLater


@task
async def double(number: int) -> int:
    """Double it in a task."""
    return number * 2


@flow
async def doubled(number: int) -> int:
    """Leave a log line and a task run behind."""
    get_run_logger().info("doubling %s", number)
    return await double(number)


@flow
async def failing(reason: str) -> None:
    """Fail with an error of ours."""
    raise TryLater(reason)


@flow
async def breaking() -> None:
    """Fail with an error of somebody else."""
    raise ZeroDivisionError("made up")


@flow
async def says_failed() -> State[None]:
    """Decide its own final state."""
    return Failed(message="nothing arrived")


@flow
async def waiting(folder: Path) -> None:
    """Say so when it has begun, and clean up when it is cancelled."""
    (folder / "begun").touch()
    try:
        await asyncio.sleep(60)
    finally:
        await asyncio.sleep(0.1)
        (folder / "cleaned").touch()

"""Small flows for the tests of the engine; loaded by module path like the real ones."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

from prefect import flow, get_run_logger, task
from prefect.client.schemas.objects import State
from prefect.flows import FlowStateHook
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


def _note(name: str) -> FlowStateHook[..., Any]:
    def hook(flow: object, flow_run: Any, state: object) -> None:  # noqa: ARG001 - Prefect names them
        (Path(flow_run.parameters["folder"]) / name).touch()

    return hook


@flow(on_cancellation=[_note("cancellation-hook")], on_crashed=[_note("crashed-hook")])
async def stubborn(folder: Path) -> None:
    """Start a program and hear of no cancellation."""
    program = await asyncio.create_subprocess_exec("sleep", "120")
    (folder / "program").write_text(str(program.pid))
    while True:
        try:
            await program.wait()
        except asyncio.CancelledError:
            continue


@flow
async def ticking(folder: Path) -> None:
    """Leave one file a run."""
    (folder / str(time.time_ns())).touch()


@flow
async def lingering(folder: Path) -> None:
    """Take two seconds, and leave a file that says from when to when."""
    began = time.time_ns()
    await asyncio.sleep(2.0)
    (folder / f"{began}-end").write_text(str(time.time_ns()))

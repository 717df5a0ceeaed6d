"""Runs one flow inside this process against the server the environment names. Imports Prefect."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, Final
from uuid import UUID

from prefect import Flow
from prefect.client.orchestration import PrefectClient, get_client
from prefect.client.schemas.objects import State
from prefect.context import TagsContext
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException
from prefect.flow_engine import run_flow_async
from prefect.logging.handlers import APILogWorker
from prefect.settings import get_current_settings
from prefect.states import Cancelled as CancelledState
from prefect.states import Pending

from vidra.engine.interface import FlowOutcome
from vidra.engine.outcomes import outcome_of
from vidra.errors import EngineError

STOP_POLL: Final = 0.05
"""Seconds between two looks at the stop event."""
DRAIN: Final = 5.0
"""Seconds that the last log lines and events get to reach the server."""


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """Import what `package.module.name` names. Raises `EngineError` when it is no async flow."""
    module, _, name = entrypoint.rpartition(".")
    try:
        flow = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise EngineError(f"no flow at `{entrypoint}`: {error}") from error
    if not isinstance(flow, Flow) or not flow.isasync:
        raise EngineError(f"`{entrypoint}` is not an async flow")
    return _storing_locally(flow)


def _storing_locally(flow: Flow[..., Any]) -> Flow[..., Any]:
    # Otherwise Prefect asks the server at the begin of every run where results go: a blocking request on
    # the event loop, through a client it never closes.
    if flow.result_storage is not None:
        return flow
    storage = get_current_settings().results.local_storage_path
    return flow.with_options(result_storage=storage, persist_result=bool(flow.persist_result))


def execute(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    *,
    stop: threading.Event,
    tags: tuple[str, ...] = (),
    on_created: Callable[[str], None],
) -> Future[FlowOutcome]:
    """Run the flow in a new thread with its own event loop; the future never holds a flow's exception.

    A thread, because Prefect installs signal handlers in the main thread that end a run without
    clean-up; signals stay the caller's.
    """
    future: Future[FlowOutcome] = Future()

    def work() -> None:
        try:
            future.set_result(asyncio.run(_run(flow, parameters, stop, tags, on_created)))
        except BaseException as error:  # noqa: BLE001 - the thread's outermost edge; the caller raises it
            future.set_exception(error)

    threading.Thread(target=work, name="vidra-flow", daemon=True).start()
    return future


async def _run(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    stop: threading.Event,
    tags: tuple[str, ...],
    on_created: Callable[[str], None],
) -> FlowOutcome:
    async with get_client() as client:
        with TagsContext(current_tags=set(tags)):
            flow_run = await client.create_flow_run(flow, parameters=parameters, state=Pending(), tags=tags)
            on_created(str(flow_run.id))
            run = run_flow_async(flow, flow_run=flow_run, parameters=parameters, return_type="state")
            running: asyncio.Future[State[Any]] = asyncio.ensure_future(run)  # type: ignore[arg-type]  # "state" decides
            state = await _finish(running, stop)
        try:
            return await _conclude(client, flow_run.id, state)
        finally:
            await _hand_over()


async def _finish(running: asyncio.Future[State[Any]], stop: threading.Event) -> State[Any] | None:
    """Return the final state; None when the flow was cancelled because of `stop`."""
    while not running.done() and not stop.is_set():
        await asyncio.wait([running], timeout=STOP_POLL)
    if not running.done():
        running.cancel()
    try:
        return await running
    except asyncio.CancelledError:
        if stop.is_set():
            return None
        raise


async def _conclude(client: PrefectClient, flow_run_id: UUID, state: State[Any] | None) -> FlowOutcome:
    if state is not None:
        return await outcome_of(state, str(flow_run_id))
    message = "stopped by a person"
    try:
        # Prefect took the cancellation for a crash, as nobody told it otherwise.
        await client.set_flow_run_state(flow_run_id, CancelledState(message=message), force=True)
    except (PrefectException, OSError) as error:
        message = f"{message}; Prefect could not be told: {error}"
    return await outcome_of(CancelledState(message=message), str(flow_run_id))


async def _hand_over() -> None:
    for worker in (APILogWorker, EventsWorker):
        drained = worker.drain_all(timeout=DRAIN, at_exit=False)
        if asyncio.iscoroutine(drained):
            await drained

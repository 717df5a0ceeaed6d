"""Runs one flow inside this process against the server the environment names. Imports Prefect."""

from __future__ import annotations

import asyncio
import importlib
import threading
from collections.abc import Callable, Coroutine
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from typing import Any, Final, TypeAlias

import httpx
from prefect import Flow

# Private, and the only way to tell Prefect's engine that a cancelled task is a cancelled run and not a
# crash; a test fails when it moves.
from prefect._internal.control_listener import _set_intent, clear_intent
from prefect.client.orchestration import PrefectClient
from prefect.client.schemas.objects import FlowRun, State
from prefect.context import AsyncClientContext, TagsContext
from prefect.events.worker import EventsWorker
from prefect.exceptions import PrefectException, TerminationSignal
from prefect.logging.handlers import APILogWorker
from prefect.settings import get_current_settings
from prefect.states import Cancelled as CancelledState
from prefect.states import Crashed, Pending

from vidra.engine.interface import Ending, FlowOutcome
from vidra.engine.jobs.outcomes import outcome_of
from vidra.engine.patience import run_patiently
from vidra.engine.worker.owners import owning
from vidra.errors import EngineError

STOP_POLL: Final = 0.05
"""Seconds between two looks whether the run should end."""
DRAIN: Final = 5.0
"""Seconds that the last log lines and events get to reach the server."""

Asked: TypeAlias = Callable[[], Ending | None]
"""Says whether the run should end; called often, from the run's own thread."""


def load_flow(entrypoint: str) -> Flow[..., Any]:
    """Import what `package.module.name` names. Raises `EngineError` when it is no async flow."""
    module, _, name = entrypoint.rpartition(".")
    try:
        flow = getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise EngineError(f"no flow at `{entrypoint}`: {error}") from error
    if not isinstance(flow, Flow) or not flow.isasync:
        raise EngineError(f"`{entrypoint}` is not an async flow")
    # Otherwise Prefect asks the server at the begin of every run where results go: a blocking request on
    # the event loop, through a client it never closes.
    if flow.result_storage is not None:
        return flow
    return _storing_in(flow, get_current_settings().results.local_storage_path)


@cache
def _storing_in(flow: Flow[..., Any], folder: Path) -> Flow[..., Any]:
    """Return the flow with that folder for its results; made once, it reads the flow's source (10 ms)."""
    return flow.with_options(result_storage=folder, persist_result=bool(flow.persist_result))


def execute(
    flow: Flow[..., Any],
    parameters: dict[str, Any],
    *,
    asked: Asked,
    tags: tuple[str, ...] = (),
    on_created: Callable[[str], None],
) -> Future[FlowOutcome]:
    """Create a flow run and run it in a new thread; the future never holds a flow's own exception."""

    async def work() -> FlowOutcome:
        """Run the flow as a run of its own."""
        async with AsyncClientContext.get_or_create() as held:
            client = held.client
            run = await client.create_flow_run(flow, parameters=parameters, state=Pending(), tags=tags)
            on_created(str(run.id))
            with TagsContext(current_tags=set(tags)):
                return await _run(client, flow, run, parameters, asked)

    return _in_thread(work)


def execute_existing(flow: Flow[..., Any], run: FlowRun, *, asked: Asked) -> Future[FlowOutcome]:
    """Run a flow run that a server has handed out, in a new thread; as `execute` otherwise."""
    # Prefect watches runs of deployments for being suspended: a thread and a web socket that hold up a run's
    # begin and end by a quarter of a second each. Our flows are paused as jobs; the engine reads the
    # whole record again before the flow is called.
    unwatched = run.model_copy(update={"deployment_id": None})

    async def work() -> FlowOutcome:
        """Run the flow of the run that the worker was given; the engine finds our client and uses it too."""
        async with AsyncClientContext.get_or_create() as held:
            return await _run(held.client, flow, unwatched, run.parameters, asked)

    return _in_thread(work)


def _in_thread(work: Callable[[], Coroutine[Any, Any, FlowOutcome]]) -> Future[FlowOutcome]:
    # A thread, because Prefect installs signal handlers in the main thread that end a run without
    # clean-up; signals stay the caller's.
    future: Future[FlowOutcome] = Future()

    async def handing_over() -> FlowOutcome:
        try:
            return await work()
        finally:
            await hand_over()

    def run() -> None:
        try:
            future.set_result(asyncio.run(handing_over()))
        except BaseException as error:  # noqa: BLE001 - the thread's outermost edge; the caller raises it
            future.set_exception(error)

    threading.Thread(target=run, name="vidra-flow", daemon=True).start()
    return future


async def _run(
    client: PrefectClient,
    flow: Flow[..., Any],
    run: FlowRun,
    parameters: dict[str, Any],
    asked: Asked,
) -> FlowOutcome:
    with owning(get_current_settings().home, str(run.id)):
        return await _run_owned(client, flow, run, parameters, asked)


async def _run_owned(
    client: PrefectClient,
    flow: Flow[..., Any],
    run: FlowRun,
    parameters: dict[str, Any],
    asked: Asked,
) -> FlowOutcome:
    running = asyncio.ensure_future(run_patiently(flow, run, parameters))
    ended, state = await _finish(running, asked)
    if state is None:
        state = await _settle(client, run, ended)
    return await outcome_of(state, str(run.id))


async def _finish(
    running: asyncio.Future[State[Any]], asked: Asked
) -> tuple[Ending | None, State[Any] | None]:
    """Return why the run was ended, if it was, and its final state unless the ending kept it from one."""
    why = None
    while not running.done() and why is None:
        await asyncio.wait([running], timeout=STOP_POLL)
        why = asked()
    if not running.done():
        if why is Ending.CANCEL:
            _set_intent("cancel")
        running.cancel()
    try:
        return why, await running
    except (asyncio.CancelledError, TerminationSignal):
        if why is None:
            raise
        return why, None
    finally:
        clear_intent()


async def _settle(client: PrefectClient, run: FlowRun, why: Ending | None) -> State[Any]:
    """Return the state of a run that was ended; see to it that the server has a final one."""
    wanted: State[Any] = (
        CancelledState() if why is Ending.CANCEL else Crashed(message="its process had to end")
    )
    try:
        current = (await client.read_flow_run(run.id)).state
        if current is not None and current.is_final() and current.type == wanted.type:
            return current
        await client.set_flow_run_state(run.id, wanted, force=True)
    except (PrefectException, httpx.HTTPError, OSError) as error:
        wanted.message = f"{wanted.message or 'cancelled'}; Prefect could not be told: {error}"
    return wanted


async def hand_over() -> None:
    """Send what is still queued for the server; gives up after `DRAIN` seconds."""
    for worker in (APILogWorker, EventsWorker):
        drained = worker.drain_all(timeout=DRAIN, at_exit=False)
        if asyncio.iscoroutine(drained):
            await drained

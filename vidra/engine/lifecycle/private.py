"""One flow run on a machine where no engine is up: a private server for as long as the run takes."""

from __future__ import annotations

import ctypes
import threading
from collections.abc import Mapping
from concurrent.futures import Future
from concurrent.futures import TimeoutError as NotYet
from contextlib import suppress
from typing import Any, Final

from vidra.engine.environment import applied, embedded_environment, refresh_prefect
from vidra.engine.interface import (
    Ending,
    EngineStage,
    EngineStatus,
    FlowOutcome,
    RunStatus,
    StatusListener,
    ignore_status,
)
from vidra.engine.lifecycle.server import EmbeddedServer
from vidra.errors import Cancelled
from vidra.settings import Settings

_M_ARENA_MAX: Final = -8
"""`mallopt`'s name for it, from glibc's malloc.h."""

STOP_POLL: Final = 0.1
"""Seconds between two looks at the stop event."""


def run_privately(
    entrypoint: str,
    parameters: Mapping[str, Any],
    *,
    settings: Settings,
    on_status: StatusListener = ignore_status,
    stop: threading.Event | None = None,
    tags: tuple[str, ...] = (),
) -> FlowOutcome:
    """Run an async flow of this process against a private Prefect server, and end the server.

    `entrypoint` is a module-path text such as `flows.download_job.download_job`, imported here while
    the server comes up. The flow runs in a thread of its own. Setting `stop`, or the first Ctrl-C, cancels
    the flow: it gets `asyncio.CancelledError`, cleans up, and the outcome says CANCELLED; a second
    Ctrl-C raises `KeyboardInterrupt` without waiting. The run stays in the history that `vidra up` shows.

    Raises `EngineStartFailed` when the server does not come up and `EngineError` when the entrypoint
    names no flow. How the flow itself ends is in the outcome, never raised.
    """
    stop = stop or threading.Event()
    _share_memory_between_threads()
    environment = embedded_environment(settings)
    server = EmbeddedServer(
        environment, private=True, timeout=settings.engine.start_timeout, on_status=on_status
    )
    with applied(environment):
        try:
            server.start()
            with applied(server.environment):
                return _run(server, entrypoint, dict(parameters), on_status, stop, tags)
        finally:
            server.stop()


def _run(
    server: EmbeddedServer,
    entrypoint: str,
    parameters: dict[str, Any],
    on_status: StatusListener,
    stop: threading.Event,
    tags: tuple[str, ...],
) -> FlowOutcome:
    from vidra.engine.worker.execution import execute, load_flow  # noqa: PLC0415 - imports Prefect, 1.4 s

    refresh_prefect()
    flow = load_flow(entrypoint)
    server.wait_ready()
    if stop.is_set():
        return _cancelled()

    def on_created(flow_run_id: str) -> None:
        on_status(EngineStatus(stage=EngineStage.RUNNING, url=server.api_url, flow_run_id=flow_run_id))

    def asked() -> Ending | None:
        return Ending.CANCEL if stop.is_set() else None

    run: Future[FlowOutcome] = execute(flow, parameters, asked=asked, tags=tags, on_created=on_created)
    try:
        return _wait(run, stop)
    finally:
        on_status(EngineStatus(stage=EngineStage.STOPPING, url=server.api_url))


def _share_memory_between_threads() -> None:
    """Have glibc keep two heaps instead of one for each thread: 10 MB less for a list of thousands."""
    with suppress(OSError, AttributeError, TypeError):  # not glibc: nothing to set
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, 2)


def _wait(run: Future[FlowOutcome], stop: threading.Event) -> FlowOutcome:
    try:
        return _join(run)
    except KeyboardInterrupt:
        if stop.is_set():  # this was not the first
            raise
        stop.set()
        return _join(run)


def _join(run: Future[FlowOutcome]) -> FlowOutcome:
    while True:
        try:
            return run.result(
                STOP_POLL
            )  # in short steps: a wait without end cannot be interrupted everywhere
        except NotYet:
            if run.done():
                raise


def _cancelled() -> FlowOutcome:
    return FlowOutcome(
        status=RunStatus.CANCELLED, state_name="Cancelled", error=Cancelled("cancelled before it began")
    )

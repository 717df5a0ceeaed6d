"""`vidra up`: the whole of Vidra on one machine, started in order, watched, and ended in order.

Server, worker and shim are begun at once, as importing takes most of their time. The order of what they do
still matters: lock, server, reconciler, deployments, jobs, and only then does the gate open for worker and
shim. Schedules wake only when the books are in order, and a run finds a worker only when its deployment is
the declared one.
"""

from __future__ import annotations

import asyncio
import logging
import os
from collections.abc import AsyncIterator, Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final

from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.backends.standings import backend_records, backends_supervised
from vidra.engine.environment import applied, embedded_environment, remote_environment
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.recovery import Recovery
from vidra.engine.jobs.starter import PrefectStarter
from vidra.engine.library.asking import sync_at_start
from vidra.engine.lifecycle.gate import Gate
from vidra.engine.lifecycle.parts import (
    SHIM,
    server_part,
    shim_part,
    worker_part,
)
from vidra.engine.lifecycle.readiness import await_work, server_url, shim_url
from vidra.engine.lifecycle.running import logs_folder, parts_folder
from vidra.engine.lifecycle.service_manager import told_service_manager
from vidra.engine.lifecycle.startup_status import Phase, write_status
from vidra.engine.lifecycle.taking_over import TakingOver
from vidra.engine.politeness.limits import release_dead_leases
from vidra.errors import EngineError, VidraError
from vidra.settings import Settings, load_secrets
from vidra.state import open_configured_state
from vidra.supervisor.interface import BackendEvent, BackendState, StatusChange
from vidra.supervisor.lock import InstanceLock
from vidra.supervisor.supervisor import Supervisor

log = logging.getLogger(__name__)

ROUND: Final = 5.0
"""Seconds between two looks for slots that killed runs still hold."""
TELLING: Final = 15.0
"""Seconds between two looks for notices whose time has come."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Ready:
    """What is there once everything is up."""

    api_url: str
    shim_url: str | None
    revived: tuple[str, ...]
    """Jobs that an earlier engine left in the middle and that go on now."""


@asynccontextmanager
async def engine_up(
    settings: Settings,
    *,
    with_server: bool = True,
    on_event: Callable[[BackendEvent], None] | None = None,
    on_stop: Callable[[], None] | None = None,
) -> AsyncIterator[Ready]:
    """Run Vidra for as long as the context lasts; what it started is gone when it is left.

    `on_stop` is called when a client has asked the engine to stop; leaving the context is the caller's.
    Without `with_server` the server that `engine.api_url` names is used. Raises `AlreadyRunning` when
    an engine runs for this data folder, `EngineStartFailed` and `EngineUnreachable`.
    """
    with InstanceLock(settings.storage.instance_lock_file) as lock:
        status = _Status(settings)
        status.write(Phase.STARTING)
        try:
            async with AsyncExitStack() as stack:
                ready = await _start(
                    stack, settings, with_server=with_server, listeners=_listeners(on_event, on_stop)
                )
                lock.describe(
                    api_url=ready.api_url,
                    shim_url=ready.shim_url or "",
                    since=iso(SYSTEM_CLOCK.now()),
                    log=str(settings.log_file),
                )
                status.write(Phase.SUCCESS)
                await stack.enter_async_context(told_service_manager())
                yield ready
        except VidraError as error:
            status.write(Phase.ERROR, str(error))
            raise


async def _start(
    stack: AsyncExitStack,
    settings: Settings,
    *,
    with_server: bool,
    listeners: Iterable[Callable[[BackendEvent], None]],
) -> Ready:
    recorder = await stack.enter_async_context(backend_records(settings))
    supervisor = await stack.enter_async_context(
        Supervisor((), folder=parts_folder(settings), logs=logs_folder(settings), subreaper=True)
    )
    for listener in listeners:
        supervisor.subscribe(listener)
    await stack.enter_async_context(backends_supervised(supervisor, settings, recorder))
    environment = embedded_environment(settings, ui=True) if with_server else remote_environment(settings)
    stack.enter_context(applied(environment))
    if with_server:
        await supervisor.add(server_part(environment))
    gate = stack.enter_context(Gate(parts_folder(settings) / "gate"))
    await _begin_parts(stack, supervisor, settings, {**environment, **gate.environment})
    async with TakingOver(environment, settings, shared=not with_server) as taking_over:
        if with_server:
            os.environ["PREFECT_API_URL"] = await server_url(supervisor, settings)
        gate.announce(os.environ["PREFECT_API_URL"])
        await taking_over.go(os.environ["PREFECT_API_URL"])
    recovery = _recovery(stack, settings)
    revived = await recovery.sweep(at_start=True)
    gate.open()
    await await_work(supervisor, gate, settings)
    shim = await shim_url(supervisor, settings)
    await stack.enter_async_context(_background(recovery.keep_going()))
    await sync_at_start(settings)
    await stack.enter_async_context(_background(_keep_releasing(settings.storage.prefect_home)))
    if settings.notifications.channels:
        await stack.enter_async_context(_background(_keep_telling(settings)))
    return Ready(api_url=os.environ["PREFECT_API_URL"], shim_url=shim, revived=tuple(revived))


def _listeners(
    on_event: Callable[[BackendEvent], None] | None, on_stop: Callable[[], None] | None
) -> list[Callable[[BackendEvent], None]]:
    def hear(event: BackendEvent) -> None:
        """Stop with the shim: it ends by itself only when a client asked for it, and that means all of us."""
        left = isinstance(event, StatusChange) and event.new is BackendState.STOPPED
        if on_stop is not None and left and event.name == SHIM:
            on_stop()

    return [hear] if on_event is None else [on_event, hear]


async def _begin_parts(
    stack: AsyncExitStack, supervisor: Supervisor, settings: Settings, environment: dict[str, str]
) -> None:
    """Begin worker and shim, which import and wait at the gate."""
    parts = [worker_part(environment, settings)]
    if find_spec("vidra.api.serve") is not None:
        parts.append(shim_part(environment, settings))
    await supervisor.extend(parts)
    for part in parts:
        # Left in the opposite order: nobody asks for more, runs end, and only then their server goes.
        stack.push_async_callback(supervisor.remove, part.name)


def _recovery(stack: AsyncExitStack, settings: Settings) -> Recovery:
    """Return who looks after our jobs."""
    state = open_configured_state(settings.storage)
    stack.callback(state.close)
    return Recovery(
        state, JobCommands(state, PrefectStarter(), settings=settings), home=settings.storage.prefect_home
    )


async def _keep_releasing(home: Path) -> None:
    """Give back the slots of killed runs for as long as the engine is up."""
    while True:
        await asyncio.sleep(ROUND)
        try:
            await release_dead_leases(home, only_killed=True)
        except EngineError as error:
            log.info("slots of killed runs stay taken for now: %s", error)


async def _keep_telling(settings: Settings) -> None:
    """Send digests whose time has come, and what could not be delivered earlier."""
    from vidra.engine.notices.notifying import asend  # noqa: PLC0415 - brings httpx, which only channels need here

    while True:
        await asyncio.sleep(TELLING)
        await asend((), settings)


@asynccontextmanager
async def _background(work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the coroutine beside the context; it ends with it, and its failure is logged."""
    task = asyncio.create_task(work)
    task.add_done_callback(_report)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.wait([task])


def _report(task: asyncio.Task[None]) -> None:
    if not task.cancelled() and task.exception() is not None:
        log.error("looking after jobs has stopped", exc_info=task.exception())


class _Status:
    """Writes the start-up status file of these settings."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings

    def write(self, phase: Phase, message: str | None = None) -> None:
        token = _token(self._settings) if phase is Phase.SUCCESS else None
        write_status(
            self._settings.status_file, phase, log_path=self._settings.log_file, token=token, message=message
        )


def _token(settings: Settings) -> str | None:
    """Return the shim's token: the owner's, or the one the shim made when it started."""
    secret = load_secrets().server_token
    if secret is not None:
        return secret.get_secret_value()
    made = settings.storage.token_file
    return made.read_text(encoding="utf-8").strip() if made.exists() else None

"""The declared back ends inside `vidra up`: supervised beside its parts, recorded, open to requests."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Final

from vidra.clock import SYSTEM_CLOCK, iso
from vidra.engine.backends.recorder import BackendRecorder
from vidra.engine.backends.secret_values import BackendSecrets
from vidra.engine.backends.specs import backend_specs
from vidra.engine.backends.view import BackendView
from vidra.engine.lifecycle.control import socket_path
from vidra.engine.lifecycle.control_server import ControlServer
from vidra.engine.lifecycle.parts import SERVER, SHIM, WORKER
from vidra.engine.lifecycle.running import logs_folder
from vidra.engine.secret_store import configured_credentials
from vidra.errors import BackendNotFound, StateError
from vidra.settings import Settings
from vidra.state.backend_health import BackendHealth
from vidra.supervisor.diagnosis import text_of
from vidra.supervisor.interface import BackendState
from vidra.supervisor.supervisor import Supervisor

log = logging.getLogger(__name__)

PARTS: Final = frozenset({SERVER, WORKER, SHIM})


def open_health(settings: Settings) -> BackendHealth:
    """Return the records about back ends of this data folder; the caller closes them."""
    storage = settings.storage
    return BackendHealth(storage.health_file, lock_timeout=storage.lock_timeout)


@asynccontextmanager
async def backend_records(settings: Settings) -> AsyncIterator[BackendRecorder]:
    """Yield who writes events down. Entered before the supervisor, so that its last words are kept too."""
    health = open_health(settings)
    recorder = BackendRecorder(health)
    try:
        await asyncio.to_thread(_forget_others, health, settings)
        async with recorder.recording():
            yield recorder
    finally:
        health.close()


@asynccontextmanager
async def backends_supervised(
    supervisor: Supervisor, settings: Settings, recorder: BackendRecorder
) -> AsyncIterator[None]:
    """Start and supervise the declared back ends, answer requests about them; they end with the supervisor.

    What an earlier engine left running is adopted if it is still declared, and ended if not.
    """
    secrets = BackendSecrets(settings, configured_credentials(settings))
    await asyncio.to_thread(secrets.read)
    control = ControlServer(supervisor, parts=PARTS, before_start=secrets.read_again)
    recorder.view = control.view
    supervisor.subscribe(recorder.hear)
    specs = backend_specs(settings, secrets)
    for name in await supervisor.end_undeclared([*PARTS, *(spec.name for spec in specs)]):
        log.warning("%s is not declared any more; what was left of it has been ended", name)
    await supervisor.extend(specs)
    async with control.listening(socket_path(settings)):
        yield


def _forget_others(health: BackendHealth, settings: Settings) -> None:
    try:
        health.forget_others(settings.backends)
    except StateError as error:
        log.warning("old records of back ends stay: %s", error)


def standings_now(settings: Settings) -> Sequence[BackendView]:
    """Return how the declared back ends stood when they were last heard of; for when no engine runs."""
    health = open_health(settings)
    try:
        known = {one.name: BackendView.model_validate(dict(one.facts)) for one in health.standings()}
    finally:
        health.close()
    return [known.get(name) or _never_seen(name, settings) for name in settings.backends]


def _never_seen(name: str, settings: Settings) -> BackendView:
    return BackendView(
        name=name,
        state=BackendState.STOPPED,
        text=text_of(BackendState.STOPPED),
        reason="never started",
        since=iso(SYSTEM_CLOCK.now()),
        owned=settings.backends[name].command is not None,
    )


def log_of(settings: Settings, name: str) -> Path:
    """Return where the log of a declared back end is; raise `BackendNotFound`."""
    if name not in settings.backends:
        raise BackendNotFound(name, list(settings.backends))
    return settings.backends[name].log_file or logs_folder(settings) / f"{name}.log"

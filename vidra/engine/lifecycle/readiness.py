"""Waits for the parts of a starting engine, and says which one did not come up, with its last words."""

from __future__ import annotations

import asyncio
from typing import Final

from vidra.engine.lifecycle.gate import LOOK, Gate
from vidra.engine.lifecycle.parts import SERVER, SHIM, STARTUP_LIMIT, WORKER
from vidra.engine.worker.work import AT_WORK
from vidra.errors import EngineStartFailed
from vidra.settings import Settings
from vidra.supervisor.interface import BackendState
from vidra.supervisor.supervisor import Supervisor

_UP: Final = frozenset({BackendState.HEALTHY})
_OVER: Final = frozenset({BackendState.HEALTHY, BackendState.FAILED, BackendState.FOREIGN})


async def server_url(supervisor: Supervisor, settings: Settings) -> str:
    """Return the address of the server's API once it answers. Raises `EngineStartFailed`, as all here do."""
    await _await_part(supervisor, SERVER, settings)
    return f"http://127.0.0.1:{supervisor.status(SERVER).port}/api"


async def await_work(supervisor: Supervisor, gate: Gate, settings: Settings) -> None:
    """Return once the worker has asked the server for work."""
    limit = _patience(settings)
    deadline = asyncio.get_running_loop().time() + limit
    while not gate.is_at_work(AT_WORK):
        if supervisor.status(WORKER).state is BackendState.FAILED:
            raise _failure(supervisor, WORKER, supervisor.status(WORKER).reason)
        if asyncio.get_running_loop().time() > deadline:
            raise _failure(supervisor, WORKER, f"asked for no work within {limit:g} s")
        await asyncio.sleep(LOOK)


async def shim_url(supervisor: Supervisor, settings: Settings) -> str | None:
    """Return the address of the shim once it answers; None where there is none."""
    if SHIM not in supervisor.names:
        return None
    await _await_part(supervisor, SHIM, settings)
    return f"http://{settings.server.host}:{settings.server.port}/"


async def _await_part(supervisor: Supervisor, name: str, settings: Settings) -> None:
    limit = _patience(settings)
    try:
        status = await supervisor.wait(name, _OVER, limit=limit)
    except TimeoutError:
        status = supervisor.status(name)
    if status.state not in _UP:
        raise _failure(supervisor, name, status.reason or f"not healthy within {limit:g} s")


def _patience(settings: Settings) -> float:
    return max(settings.engine.start_timeout, STARTUP_LIMIT)


def _failure(supervisor: Supervisor, name: str, reason: str) -> EngineStartFailed:
    return EngineStartFailed(name, reason, log="\n".join(supervisor.tail(name)[-10:]))

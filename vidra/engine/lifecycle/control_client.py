"""The other end of the control path: what other processes ask of the supervisor in `vidra up`."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Any, Final

import orjson

from vidra.engine.backends.view import BackendView, ProbeView
from vidra.engine.lifecycle.control import Ask, address_of, socket_path
from vidra.errors import BackendNotFound, EngineUnreachable, SupervisorError, UsageError
from vidra.settings import Settings
from vidra.supervisor.interface import BackendState

ANSWER_LIMIT: Final = 30.0
"""Seconds an answer may take beside what was asked to wait for."""
_CHUNK: Final = 65_536


class Control:
    """Asks the supervisor of one data folder. Blocks; see `asked` for asyncio.

    Every method raises `EngineUnreachable` when no engine runs here, `BackendNotFound` for a name that is
    not declared and `SupervisorError` for what the supervisor could not do.
    """

    def __init__(self, settings: Settings) -> None:
        self._path = socket_path(settings)

    def list(self) -> Sequence[BackendView]:
        """Return how all back ends and parts stand."""
        return [BackendView.model_validate(facts) for facts in self._ask(Ask.LIST)]

    def show(self, name: str) -> BackendView:
        """Return how one stands."""
        return self._view(Ask.SHOW, name)

    def start(self, name: str, *, patience: float = 0.0) -> BackendView:
        """Start it, from `failed` too; returns once that is decided. `patience`: see `Supervisor.start`."""
        return self._view(Ask.START, name, patience=patience)

    def stop(self, name: str) -> BackendView:
        """Stop it; it stays stopped until somebody starts it."""
        return self._view(Ask.STOP, name)

    def restart(self, name: str, *, patience: float = 0.0) -> BackendView:
        """Stop and start it, or run the restart command of a service we do not own."""
        return self._view(Ask.RESTART, name, patience=patience)

    def reset(self, name: str) -> BackendView:
        """Forget its crashes; a failed one becomes a stopped one."""
        return self._view(Ask.RESET, name)

    def keep_waiting(self, name: str) -> BackendView:
        """Give a slow start more time."""
        return self._view(Ask.KEEP_WAITING, name)

    def wait(self, name: str, states: Collection[BackendState], *, limit: float) -> BackendView:
        """Return once it is in one of the states; raise `TimeoutError` after `limit` seconds."""
        return self._view(Ask.WAIT, name, states=[state.value for state in states], limit=limit)

    def probe(self) -> Sequence[ProbeView]:
        """Have all declared back ends probed now, and acted upon."""
        return [ProbeView.model_validate(facts) for facts in self._ask(Ask.PROBE)]

    def tail(self, name: str) -> Sequence[str]:
        """Return the last lines it wrote."""
        return [str(line) for line in self._ask(Ask.TAIL, name)]

    async def probe_async(self) -> Sequence[ProbeView]:
        """As `probe`, without blocking the event loop."""
        return await asyncio.to_thread(self.probe)

    def _view(self, ask: Ask, name: str, **facts: object) -> BackendView:
        return BackendView.model_validate(self._ask(ask, name, **facts))

    def _ask(self, ask: Ask, name: str | None = None, **facts: Any) -> Any:  # noqa: ANN401 - JSON
        request = {"ask": ask.value, **({} if name is None else {"name": name}), **facts}
        wait = float(facts.get("limit", 0.0))
        answer = orjson.loads(_exchange(self._path, orjson.dumps(request), limit=ANSWER_LIMIT + wait))
        if "ok" in answer:
            return answer["ok"]
        raise _error(answer, name or "")


def _exchange(path: Path, request: bytes, *, limit: float) -> bytes:
    try:
        with socket.socket(socket.AF_UNIX) as peer:
            peer.settimeout(limit)
            with address_of(path) as address:
                peer.connect(address)
            peer.sendall(request + b"\n")
            answer = bytearray()
            while not answer.endswith(b"\n") and (chunk := peer.recv(_CHUNK)):
                answer += chunk
    except TimeoutError:
        raise EngineUnreachable(f"`vidra up` did not answer within {limit:g} s") from None
    except OSError as error:
        raise _nobody() from error
    if not answer.endswith(b"\n"):
        raise EngineUnreachable("`vidra up` ended while it was asked")
    return bytes(answer)


def _nobody() -> EngineUnreachable:
    return EngineUnreachable(
        "Vidra is not running, so nothing supervises back ends: start it with `vidra up`"
    )


def _error(answer: dict[str, Any], name: str) -> Exception:
    message = str(answer.get("message", ""))
    match answer.get("error"):
        case "BackendNotFound":
            return BackendNotFound(name, answer.get("known", ()))
        case "TimeoutError":
            return TimeoutError(message)
        case "UsageError":
            return UsageError(message)
        case _:
            return SupervisorError(message)

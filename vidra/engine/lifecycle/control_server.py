"""The end of the control path inside `vidra up`: hands requests to the supervisor."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Final, TypeAlias

import orjson
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vidra.engine.backends.view import BackendView, probe_view, view_of
from vidra.engine.lifecycle.control import LONGEST_REQUEST, LONGEST_WAIT, Ask, address_of, peer_is_us
from vidra.errors import UsageError, VidraError
from vidra.supervisor.interface import BackendState
from vidra.supervisor.supervisor import Supervisor

READ_LIMIT: Final = 5.0
"""Seconds a client may take to say what it wants."""


Prepare: TypeAlias = Callable[[str], Awaitable[None]]
"""Done before an operator's start of the back end of this name."""


async def nothing_to_prepare(name: str) -> None:
    """Start it as it is."""
    del name


class Request(BaseModel):
    """One request; anything else is refused."""

    model_config = ConfigDict(extra="forbid", strict=True)

    ask: Annotated[Ask, Field(strict=False)]
    name: Annotated[str | None, Field(max_length=64)] = None
    patience: Annotated[float, Field(ge=0, le=3600)] = 0.0
    states: Annotated[list[Annotated[BackendState, Field(strict=False)]], Field(max_length=10)] = []
    limit: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] = 60.0


class ControlServer:
    """Answers for one supervisor; `parts` are names of back ends that are Vidra's own."""

    def __init__(
        self, supervisor: Supervisor, *, parts: Collection[str], before_start: Prepare = nothing_to_prepare
    ) -> None:
        self._supervisor, self._parts, self._before_start = supervisor, parts, before_start

    def view(self, name: str) -> BackendView:
        """Return how the back end stands; raise `BackendNotFound`."""
        supervisor = self._supervisor
        return view_of(supervisor.status(name), supervisor.history(name), part=name in self._parts)

    def views(self) -> Sequence[BackendView]:
        """Return how all stand, in the order of their declaration."""
        return [self.view(name) for name in self._supervisor.names]

    @asynccontextmanager
    async def listening(self, path: Path) -> AsyncIterator[None]:
        """Serve at `path` while the context lasts; only who holds the instance lock may do so."""
        listener = _bound(path)
        server = await asyncio.start_unix_server(self._serve, sock=listener, limit=LONGEST_REQUEST)
        try:
            yield
        finally:
            server.close()
            path.unlink(missing_ok=True)  # noqa: ASYNC240 - one system call

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if peer_is_us(writer.get_extra_info("socket")):
                writer.write(orjson.dumps(await self._answer(reader)) + b"\n")
                await writer.drain()
        except (OSError, TimeoutError, asyncio.IncompleteReadError):
            return  # the client has gone, or never said what it wanted
        finally:
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader) -> dict[str, Any]:
        try:
            async with asyncio.timeout(READ_LIMIT):
                line = await reader.readline()
            return {"ok": await self.do(Request.model_validate_json(line))}
        except ValidationError as error:
            found = error.errors()[0]
            where = ".".join(str(part) for part in found["loc"])
            return {"error": "UsageError", "message": f"{where}: {found['msg']}"}
        except ValueError:
            return {"error": "UsageError", "message": f"a request has {LONGEST_REQUEST} bytes at most"}
        except TimeoutError:
            return {"error": "TimeoutError", "message": "not reached in time"}
        except VidraError as error:
            known = list(getattr(error, "known", ()))
            return {"error": type(error).__name__, "message": str(error), "known": known}

    async def do(self, request: Request) -> Any:  # noqa: ANN401 - JSON
        """Do what is asked and return the answer as JSON types; raises what the supervisor raises."""
        name = request.name
        if request.ask is Ask.LIST:
            return [view.model_dump(mode="json") for view in self.views()]
        if request.ask is Ask.PROBE:
            return await self._probe_all()
        if name is None:
            raise UsageError(f"{request.ask}: expected the name of a back end")
        if request.ask is Ask.TAIL:
            return list(self._supervisor.tail(name))
        await self._operate(request, name)
        return self.view(name).model_dump(mode="json")

    async def _operate(self, request: Request, name: str) -> None:
        supervisor = self._supervisor
        match request.ask:
            case Ask.START:
                await self._before_start(name)
                await supervisor.start(name, patience=request.patience)
            case Ask.STOP:
                await supervisor.stop(name)
            case Ask.RESTART:
                await self._before_start(name)
                await supervisor.restart(name, patience=request.patience)
            case Ask.RESET:
                await supervisor.reset(name)
            case Ask.KEEP_WAITING:
                await supervisor.keep_waiting(name)
            case Ask.WAIT:
                await supervisor.wait(name, set(request.states), limit=request.limit)
            case _:
                return  # SHOW: only looks

    async def _probe_all(self) -> list[dict[str, Any]]:
        """Probe every declared back end at the same time; takes as long as the slowest."""
        names = [name for name in self._supervisor.names if name not in self._parts]
        probes = await asyncio.gather(*(self._supervisor.probe(name) for name in names))
        return [
            probe_view(self.view(name), probe).model_dump(mode="json")
            for name, probe in zip(names, probes, strict=True)
        ]


def _bound(path: Path) -> socket.socket:
    path.unlink(missing_ok=True)  # of an engine that was killed
    listener = socket.socket(socket.AF_UNIX)
    with address_of(path) as address:
        listener.bind(address)
    path.chmod(0o600)
    return listener

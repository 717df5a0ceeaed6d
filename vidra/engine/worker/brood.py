"""The worker's side of the nursery: starts it, orders runs, and knows when they end."""

from __future__ import annotations

import asyncio
import json
import subprocess
from asyncio.subprocess import Process
from typing import Any, Final, Self

from vidra.engine.lifecycle.programs import module_command
from vidra.engine.worker.nursery import Call
from vidra.errors import EngineStartFailed

PART: Final = "the nursery of the worker"
START_LIMIT: Final = 60.0
"""Seconds the imports of a nursery may take."""
STOP_LIMIT: Final = 15.0
"""Seconds a nursery gets to end its children; a little more than it gives them."""


class Brood:
    """The processes of this worker's runs. Use as an async context manager.

    A nursery that dies takes its children along; they count as ended by SIGKILL, and the next run
    starts a new nursery.
    """

    def __init__(self, preload: tuple[str, ...] = ()) -> None:
        self._command = module_command("vidra.engine.worker.nursery", *preload)
        self._process: Process | None = None
        self._listener: asyncio.Task[None] | None = None
        self._ready = asyncio.Event()
        self._started: dict[str, asyncio.Future[int]] = {}
        self._ended: dict[str, asyncio.Future[int]] = {}
        self._lock = asyncio.Lock()

    @property
    def keys(self) -> frozenset[str]:
        """The runs whose processes live."""
        return frozenset(self._ended)

    async def start(self, key: str, task: dict[str, Any]) -> tuple[int, asyncio.Future[int]]:
        """Fork a child; return its pid and a future of its exit code (negative: the signal)."""
        await self._ensure_ready()
        loop = asyncio.get_running_loop()
        started, ended = self._started[key], self._ended[key] = loop.create_future(), loop.create_future()
        await self._order(order="start", key=key, task=task)
        return await started, ended

    async def tell(self, key: str, call: Call) -> None:
        """Tell a child something; one that has ended does not mind."""
        if key in self._ended:
            await self._order(order="signal", key=key, signal=call.value)

    async def wait(self, key: str, timeout: float) -> None:  # noqa: ASYNC109 - a bound, not an error
        """Return when the child has ended, or after `timeout` seconds."""
        if (ended := self._ended.get(key)) is not None:
            await asyncio.wait([ended], timeout=timeout)

    async def prepare(self) -> None:
        """Have the nursery import everything now, so that the first run does not wait for it."""
        await self._ensure_ready()

    async def __aenter__(self) -> Self:
        """Return the brood; the nursery is started by `prepare` or by the first run."""
        return self

    async def __aexit__(self, *_: object) -> None:
        """End the nursery and with it all children."""
        process = self._process
        if process is None:
            return
        if process.stdin is not None:
            process.stdin.close()
        if not self._ready.is_set() and process.returncode is None:
            process.kill()  # it still imports: it has no children, and would hear of its end only afterwards
        try:
            await asyncio.wait_for(process.wait(), STOP_LIMIT)
        except TimeoutError:
            process.kill()
            await process.wait()
        if self._listener is not None:
            await self._listener

    async def _ensure_ready(self) -> None:
        async with self._lock:
            if self._process is None or self._process.returncode is not None:
                self._ready.clear()
                self._process = await asyncio.create_subprocess_exec(
                    *self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    # Ctrl-C in a terminal is for the worker, which lets its runs end in order.
                    start_new_session=True,
                )
                self._listener = asyncio.create_task(self._listen(self._process))
        try:
            await asyncio.wait_for(self._ready.wait(), START_LIMIT)
        except TimeoutError as error:
            raise EngineStartFailed(PART, f"not ready within {START_LIMIT:g} s") from error

    async def _order(self, **facts: object) -> None:
        assert self._process is not None  # noqa: S101 - for the type checkers: callers made sure
        assert self._process.stdin is not None  # noqa: S101 - the same: we asked for a pipe
        self._process.stdin.write(json.dumps(facts).encode() + b"\n")
        await self._process.stdin.drain()

    async def _listen(self, process: Process) -> None:
        assert process.stdout is not None  # noqa: S101 - for the type checkers: we asked for a pipe
        async for line in process.stdout:
            self._hear(json.loads(line))
        await process.wait()
        for key in list(self._ended):
            self._hear({"event": "ended", "key": key, "code": -9})

    def _hear(self, report: dict[str, Any]) -> None:
        match report["event"]:
            case "ready":
                self._ready.set()
            case "started":
                _settle(self._started.pop(report["key"]), report["pid"])
            case "ended":
                if unstarted := self._started.pop(report["key"], None):
                    unstarted.set_exception(EngineStartFailed(PART, "it ended before the run began"))
                _settle(self._ended.pop(report["key"]), report["code"])
            case _:
                return


def _settle(future: asyncio.Future[int], value: int) -> None:
    if not future.done():  # else whoever waited was cancelled
        future.set_result(value)

"""Starts the embedded Prefect server as a child and ends it again, whatever happens."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import threading
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import BinaryIO, Final, Self

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.engine.environment import child_environment
from vidra.engine.interface import EngineStage, EngineStatus, StatusListener, ignore_status
from vidra.engine.lifecycle.programs import module_command
from vidra.errors import EngineStartFailed
from vidra.redaction import redact

PART: Final = "the embedded Prefect server"
STOP_LIMIT: Final = 10.0
"""Seconds a server gets to stop in order; then its process group is killed."""
TAIL_LINES: Final = 10
LOG_NAME: Final = "server.log"
LOG_LIMIT: Final = 2_000_000
"""Bytes; a larger log is begun anew at the next start."""

_Event = dict[str, object]


def server_command(*, port: int | str = 0, private: bool = False, supervised: bool = False) -> list[str]:
    """Return the command line of the server program, see `vidra.engine.lifecycle.serve`."""
    flags = [*(["--private"] if private else []), *(["--supervised"] if supervised else [])]
    return module_command("vidra.engine.lifecycle.serve", *flags, "--port", str(port))


class EmbeddedServer:
    """One server process on loopback. Use as a context manager, or `start`, `wait_ready`, `stop`.

    `environment` is what `prefect_environment` returns. The server ends with this process, even when it
    is killed. `start` returns within milliseconds with the address known, so that slow imports can
    go on while the server comes up.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        *,
        port: int = 0,
        private: bool = False,
        timeout: float = 60.0,
        on_status: StatusListener = ignore_status,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._environment = environment
        self._command = server_command(port=port, private=private)
        self._timeout = timeout
        self._on_status = on_status
        self._clock = clock
        self._log = _ServerLog(Path(environment["PREFECT_HOME"]) / LOG_NAME)
        self._events: queue.SimpleQueue[_Event] = queue.SimpleQueue()
        self._process: subprocess.Popen[bytes] | None = None
        self._reader: threading.Thread | None = None
        self._deadline = 0.0
        self.api_url = ""
        """Address of the API, ending in `/api`; empty until `start` has returned."""

    @property
    def pid(self) -> int | None:
        """The server's process id while it is ours."""
        return None if self._process is None else self._process.pid

    @property
    def environment(self) -> dict[str, str]:
        """The variables a client of this server needs."""
        return {**self._environment, "PREFECT_API_URL": self.api_url}

    def start(self) -> Self:
        """Start the process and learn its address. Raises `EngineStartFailed`."""
        self._deadline = self._clock.monotonic() + self._timeout
        try:
            with self._log.open() as log:
                self._process = subprocess.Popen(
                    self._command,
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    env=child_environment(self._environment),
                    # Ctrl-C in the terminal is for us: the run still needs its server to end in order.
                    start_new_session=True,
                )
        except OSError as error:
            raise EngineStartFailed(PART, str(error)) from error
        self._reader = threading.Thread(target=self._read, name="vidra-server-events", daemon=True)
        self._reader.start()
        self._on_status(EngineStatus(stage=EngineStage.STARTING))
        bound = self._await("bound")
        self.api_url = f"http://127.0.0.1:{bound['port']}/api"
        return self

    def wait_ready(self) -> Self:
        """Return once the server answers. Raises `EngineStartFailed` with the end of its log."""
        self._await("ready")
        self._on_status(EngineStatus(stage=EngineStage.READY, url=self.api_url))
        return self

    def stop(self) -> None:
        """End the server and its whole process group; safe to call at any time, more than once."""
        process, self._process = self._process, None
        if process is None:
            return
        assert process.stdin is not None  # noqa: S101 - for the type checkers: we asked for a pipe
        process.stdin.close()
        try:
            process.wait(STOP_LIMIT)
        except subprocess.TimeoutExpired:
            _kill_group(process)
        if self._reader is not None:
            self._reader.join()
        if process.stdout is not None:
            process.stdout.close()

    def __enter__(self) -> Self:
        """Start and wait until ready."""
        try:
            return self.start().wait_ready()
        except BaseException:
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Stop."""
        self.stop()

    def _read(self) -> None:
        process = self._process
        if process is None or process.stdout is None:
            return
        for line in process.stdout:
            try:
                self._events.put(json.loads(line))
            except json.JSONDecodeError:
                continue  # a line torn by the end of the process
        self._events.put({"event": "ended"})

    def _await(self, wanted: str) -> _Event:
        while True:
            try:
                event = self._events.get(timeout=max(0.0, self._deadline - self._clock.monotonic()))
            except queue.Empty:
                raise self._failure(f"not {wanted} within {self._timeout:g} s") from None
            match event["event"]:
                case "failed":
                    raise self._failure(str(event["reason"]))
                case "ended":
                    self._events.put(event)
                    raise self._failure("it ended by itself")
                case "migrating":
                    self._on_status(EngineStatus(stage=EngineStage.MIGRATING))
                case kind if kind == wanted:
                    return event
                case _:
                    continue

    def _failure(self, reason: str) -> EngineStartFailed:
        return EngineStartFailed(PART, reason, log=self._log.tail())


class _ServerLog:
    """The server's output in a file that later starts append to; shows only what this start wrote."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._from = 0

    def open(self) -> BinaryIO:
        """Return the file for writing; a large one is begun anew."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        file = os.fdopen(os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), "ab")
        if file.tell() > LOG_LIMIT:
            file.truncate(0)
        self._from = file.tell()
        return file

    def tail(self) -> str:
        """Return the last lines that say something to a person: no stack frames, secrets masked."""
        try:
            with self._path.open("rb") as file:
                file.seek(self._from)
                text = file.read().decode("utf-8", "replace")
        except FileNotFoundError:
            return ""
        said = [line for line in text.splitlines() if line.strip() and not _is_frame(line)]
        return redact("\n".join([*said[-TAIL_LINES:], f"full log: {self._path}"] if said else []))


def _is_frame(line: str) -> bool:
    return line.startswith((" ", "Traceback ", "During handling of", "The above exception"))


def _kill_group(process: subprocess.Popen[bytes]) -> None:
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except (AttributeError, ProcessLookupError):  # no process groups here, or just gone
        process.kill()
    process.wait()

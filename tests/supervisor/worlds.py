"""A supervisor over real small programs, in a folder of its own, with constants made short."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from vidra.supervisor.interface import (
    BackendEvent,
    BackendSpec,
    BackendState,
    HealthSpec,
    Notice,
    NoticeKind,
    PortSpec,
    StatusChange,
    Timings,
)
from vidra.supervisor.supervisor import Supervisor

BACKEND = Path(__file__).parent / "programs" / "backend.py"
QUICK = Timings(
    startup_poll=0.05,
    startup_limit=10,
    steady_poll=0.2,
    reconnect_poll=0.05,
    restart_delay=0.1,
    shutdown_grace=1.0,
    term_grace=0.5,
)
"""Everything the policy's own tests prove at full length, short enough to wait for."""


class World:
    """Folders, specs and recorded events of one test."""

    def __init__(self, folder: Path, *, fresh: bool = True) -> None:
        self.folder, self.logs = folder / "run", folder / "logs"
        self.journal, self.script = folder / "journal", folder / "script"
        if fresh:
            self.script.write_text("good")
        self.events: list[BackendEvent] = []

    def spec(self, *options: str, name: str = "api", **fields: Any) -> BackendSpec:
        """Return a back end that runs the test program with these options."""
        standard: dict[str, Any] = {
            "command": (
                *(sys.executable, "-S", str(BACKEND)),
                *("--journal", str(self.journal), "--script", str(self.script), *options),
            ),
            "port": PortSpec(first=20_000, last=29_999),
            "health": HealthSpec(timeout=1.0),
            "shutdown_path": "/shutdown",
            "timings": QUICK,
        }
        return BackendSpec(name=name, **{**standard, **fields})

    def python(self, code: str, **fields: Any) -> BackendSpec:
        """Return a back end that runs these lines, without port and health route."""
        return self.spec(
            **{
                "command": (sys.executable, "-S", "-c", code),
                "port": None,
                "health": None,
                "shutdown_path": None,
                **fields,
            }
        )

    def supervisor(self, *specs: BackendSpec, **fields: Any) -> Supervisor:
        """Return a supervisor whose events are recorded here."""
        supervisor = Supervisor(specs, folder=self.folder, logs=self.logs, **fields)
        supervisor.subscribe(self.events.append)
        return supervisor

    def states(self, name: str = "api") -> list[BackendState]:
        return [e.new for e in self.events if isinstance(e, StatusChange) and e.name == name]

    def notices(self, kind: NoticeKind) -> list[Notice]:
        return [e for e in self.events if isinstance(e, Notice) and e.kind is kind]

    def journalled(self, word: str) -> list[str]:
        lines = self.journal.read_text().splitlines() if self.journal.exists() else []
        return [line for line in lines if line.startswith(word)]

    def log_has(self, name: str, text: str) -> bool:
        """Whether the text stands in the log, which need not exist yet."""
        return (self.logs / f"{name}.log").exists() and text in self.log(name)

    def log(self, name: str = "api") -> str:
        return (self.logs / f"{name}.log").read_text()


async def until(what: Callable[[], object], *, limit: float = 10.0) -> None:
    """Return once `what()` is true; fail after `limit` seconds."""
    async with asyncio.timeout(limit):
        while not what():  # noqa: ASYNC110 - what other processes do sends us no event
            await asyncio.sleep(0.02)

"""Declared back ends as in `vidra up`, but without the rest of it: supervised in the test's own event loop.

`vidra` itself runs beside it as a process, as a person, a script or cron runs it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any, TypeVar

from tests.cli.shell import Shell
from vidra.engine.backends.standings import backend_records, backends_supervised, open_health
from vidra.engine.lifecycle.running import logs_folder, parts_folder
from vidra.settings import Settings, load_settings
from vidra.state.backend_health import BackendHappening
from vidra.supervisor.supervisor import Supervisor

PROGRAM = Path(__file__).parents[1] / "supervisor" / "programs" / "backend.py"
T = TypeVar("T")


class Desk:
    """One configuration with back ends, and the command line beside it."""

    def __init__(self, shell: Shell) -> None:
        self.shell, self.root = shell, shell.root
        self.journal, self.script = shell.root / "journal", shell.root / "script"
        self.script.write_text("good")

    @property
    def settings(self) -> Settings:
        """What the configuration says."""
        return load_settings(config=self.shell.config, environ=dict(self.shell.variables))

    def program(self, *options: str) -> list[str]:
        """Return the command line of a back end that behaves as these options and the script say."""
        files = ("--journal", str(self.journal), "--script", str(self.script))
        return [sys.executable, "-S", str(PROGRAM), *files, *options]

    def declare(self, name: str = "api", **keys: Any) -> None:
        """Write one more back end into the configuration: by default one that is well soon."""
        standard = {
            "command": self.program(), "port": "auto", "first_port": 21_000, "last_port": 29_999,
            "health": "/health", "shutdown": "/shutdown",
            "startup_poll": 0.1, "restart_delay": 0.1, "reconnect_interval": 0.1, "term_grace": 0.5,
        }  # fmt: skip
        declared = {key: value for key, value in (standard | keys).items() if value is not None}
        text = self.shell.config.read_text("utf-8")
        section = "" if "\nbackends:\n" in text else "backends:\n"
        self.shell.config.write_text(f"{text}{section}  {name}: {json.dumps(declared)}\n", encoding="utf-8")

    @asynccontextmanager
    async def supervised(self) -> AsyncIterator[Supervisor]:
        """Supervise what is declared, record it, and answer the command line."""
        settings = self.settings
        async with (
            backend_records(settings) as recorder,
            Supervisor((), folder=parts_folder(settings), logs=logs_folder(settings)) as supervisor,
            backends_supervised(supervisor, settings, recorder),
        ):
            yield supervisor

    async def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `vidra` with nobody at a terminal."""
        return await asyncio.to_thread(self.shell.run, *arguments)

    async def sit(self, work: Callable[[], T]) -> T:
        """Do what blocks, such as sitting at a terminal, while the supervisor goes on."""
        return await asyncio.to_thread(work)

    def starts(self) -> int:
        """Return how often the back end's program was started."""
        return self.journal.read_text().count("start ") if self.journal.exists() else 0

    def feed(self, event: str, name: str = "api") -> list[BackendHappening]:
        """Return the events of one kind in the change feed."""
        health = open_health(self.settings)
        try:
            return [one for one in health.since(0).events if (one.event, one.name) == (event, name)]
        finally:
            health.close()

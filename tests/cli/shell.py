"""`vidra` as a person or cron runs it: processes of its own, one configuration, one data folder."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psutil

from tests.site.server import MediaSite

CONFIG = """\
storage: {{data_dir: {data}, cache_dir: {root}/cache}}
downloads: {{library: {root}/library, free_space_floor: 0, retries: {retries}, concurrency: {concurrency}}}
network: {{allowed_addresses: ["127.0.0.1:{port}"]}}
server: {{port: {shim}}}
"""


def environment() -> dict[str, str]:
    """Return the environment without anybody's Vidra or Prefect settings."""
    return {name: value for name, value in os.environ.items() if not name.startswith(("VIDRA_", "PREFECT_"))}


@dataclass
class Shell:
    """Runs `vidra` with one configuration."""

    root: Path
    data: Path
    site: MediaSite
    shim: int = 59666
    retries: int = 0
    concurrency: int = 8
    variables: dict[str, str] = field(default_factory=dict)
    """Further environment variables of every command."""
    engines: list[subprocess.Popen[str]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Write the configuration."""
        self.config.write_text(
            CONFIG.format(
                root=self.root, data=self.data, port=self.site.base.rpartition(":")[2], shim=self.shim,
                retries=self.retries, concurrency=self.concurrency,
            ),
            encoding="utf-8",
        )  # fmt: skip

    @property
    def config(self) -> Path:
        """The configuration file."""
        return self.root / "vidra.yaml"

    def command(self, *arguments: str) -> list[str]:
        """Return the command line."""
        return [sys.executable, "-m", "vidra.cli", "--config", str(self.config), *arguments]

    def run(self, *arguments: str, timeout: float = 100) -> subprocess.CompletedProcess[str]:
        """Run a command to its end."""
        return subprocess.run(
            self.command(*arguments),
            capture_output=True, text=True, check=False, timeout=timeout, env=environment() | self.variables,
        )  # fmt: skip

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        """Start a command in a session of its own."""
        return subprocess.Popen(
            self.command(*arguments),
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, env=environment() | self.variables,
            start_new_session=True,
        )  # fmt: skip

    def download(self, path: str, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Download a page of the site."""
        return self.run("flow", "run", "download-job", self.site.url(path), *arguments)

    def up(self, *arguments: str, limit: float = 100) -> subprocess.Popen[str]:
        """Start the engine and return once it is ready."""
        engine = self.start("up", *arguments)
        self.engines.append(engine)
        deadline = time.monotonic() + limit
        said: list[str] = []
        assert engine.stdout is not None
        for line in engine.stdout:
            said.append(line)
            if line.strip() == "Ready.":
                return engine
            assert time.monotonic() < deadline, "".join(said)
        raise AssertionError("the engine ended: " + "".join(said))

    def worker(self, *arguments: str, limit: float = 100) -> subprocess.Popen[str]:
        """Start a worker by itself and return once its nursery is there."""
        worker = self.start("worker", *arguments)
        self.engines.append(worker)
        deadline = time.monotonic() + limit
        while not any(
            "vidra.engine.worker.nursery" in p.cmdline() for p in psutil.Process(worker.pid).children()
        ):
            assert worker.poll() is None, worker.communicate()[0]
            assert time.monotonic() < deadline, "the worker has no nursery"
            time.sleep(0.1)
        return worker

    def status(self) -> dict[str, Any]:
        """Return what `vidra status --json` says."""
        answer: dict[str, Any] = json.loads(self.run("status", "--json").stdout)
        return answer

    def jobs(self) -> list[dict[str, Any]]:
        """Return what `vidra job ls --json` says."""
        answer: list[dict[str, Any]] = json.loads(self.run("job", "ls", "--json").stdout)
        return answer

    def shelf(self) -> list[str]:
        """Return the files in the library, unfinished ones left out."""
        library = self.root / "library"
        found = (path.relative_to(library) for path in library.rglob("*") if path.is_file())
        return sorted(str(path) for path in found if not path.parts[0].startswith("."))

    def processes(self) -> list[psutil.Process]:
        """Return every process that works for this data folder, the engines included."""
        mark = str(self.config)
        home = str(self.data)
        return [p for p in psutil.process_iter() if _belongs(p, mark, home)]

    def kill_everything(self) -> None:
        """End every process at once, as a power cut does."""
        for _ in range(5):
            found = self.processes()
            for process in found:
                _kill(process)
            if not found:
                break
            psutil.wait_procs(found, timeout=5)
        for engine in self.engines:
            engine.wait(10)
            assert engine.stdout is not None
            engine.stdout.close()
        self.engines.clear()

    def down(self) -> subprocess.CompletedProcess[str]:
        """Stop the engine in order."""
        done = self.run("down")
        for engine in self.engines:
            engine.communicate(timeout=30)
        self.engines.clear()
        return done


def _belongs(process: psutil.Process, mark: str, home: str) -> bool:
    try:
        if process.pid == os.getpid() or process.status() == psutil.STATUS_ZOMBIE:
            return False
        told = process.environ()
        if told.get("VIDRA_CONFIG") == mark or told.get("PREFECT_HOME", "").startswith(home):
            return True
        return mark in process.cmdline()
    except (psutil.Error, OSError):
        return False


def _kill(process: psutil.Process) -> None:
    try:
        process.send_signal(signal.SIGKILL)
    except psutil.Error:
        return

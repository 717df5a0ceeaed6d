"""What the compose file and the systemd units declare, made to run on this machine.

Commands, variables and health checks are taken as they stand. Only what a container or a package would
bring is put in: names of other services become ports of loopback, folders of the image become folders of a
test, programs are found in this environment.
"""

from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from ruamel.yaml import YAML

from tests.cli.shell import environment
from tests.engine.polling import wait_until

DEPLOYMENTS: Final = Path(__file__).parents[2] / "deployments"
UNITS: Final = DEPLOYMENTS / "systemd"
_VARIABLE: Final = re.compile(r"\$\{(\w+)(?::([-?])([^}]*))?\}")
_PROGRAMS: Final = "/opt/vidra/.venv/bin/"


@dataclass(frozen=True, kw_only=True)
class Here:
    """What stands for the other containers and their folders on this machine."""

    replaced: Sequence[tuple[str, str]]
    """Pieces of commands and values, and what they become; the first that fits, and all that fit."""
    whole: Mapping[str, str]
    """Values as a whole, such as the name of a host."""

    def of(self, text: str) -> str:
        """Return the text as it is here."""
        if text in self.whole:
            return self.whole[text]
        for piece, instead in self.replaced:
            text = text.replace(piece, instead)
        return text


@dataclass(kw_only=True)
class Declared:
    """One program as a shipped file declares it."""

    command: Sequence[str]
    variables: Mapping[str, str]
    health: Sequence[str] = ()
    log: Path
    process: subprocess.Popen[bytes] | None = field(default=None, init=False)

    @contextmanager
    def running(self, **added: str) -> Iterator[None]:
        """Run it; on leaving, end it as its supervisor would, and expect that it goes in order."""
        with self.log.open("wb") as log:
            self.process = subprocess.Popen(
                self.command, env=self.environment | added, stdout=log, stderr=log, start_new_session=True
            )
        try:
            yield
        finally:
            self.process.send_signal(signal.SIGTERM)
            try:
                self.process.wait(90)
            except subprocess.TimeoutExpired:
                os.killpg(self.process.pid, signal.SIGKILL)
                self.process.wait()
                raise

    @property
    def environment(self) -> dict[str, str]:
        """Return its variables on top of a clean environment, in which programs are found."""
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        return environment() | {"PATH": path} | dict(self.variables)

    def is_healthy(self) -> bool:
        """Ask as the file says one should; a program that has ended is told at once."""
        assert self.process is not None
        assert self.process.poll() is None, self.log.read_text("utf-8", "replace")[-3000:]
        done = subprocess.run(self.health, env=self.environment, capture_output=True, check=False, timeout=30)
        return done.returncode == 0

    def await_health(self, limit: float = 120) -> None:
        """Return once it is healthy."""
        wait_until(self.is_healthy, limit)

    def await_words(self, words: str, limit: float = 120) -> None:
        """Return once it has said so."""
        assert self.process is not None
        process = self.process

        def said() -> bool:
            assert process.poll() is None, self.log.read_text("utf-8", "replace")[-3000:]
            return words in self.log.read_text("utf-8", "replace")

        wait_until(said, limit)


@dataclass(frozen=True, kw_only=True)
class Compose:
    """The compose file with the owner's variables put in."""

    owner: Mapping[str, str]
    folder: Path
    """Where logs and named volumes are."""

    @property
    def services(self) -> Mapping[str, Any]:
        """Return the services as the file has them."""
        content: Mapping[str, Any] = YAML(typ="safe").load(DEPLOYMENTS / "compose.yaml")
        services: Mapping[str, Any] = content["services"]
        return services

    def service(self, name: str, here: Here) -> Declared:
        """Return what one service runs."""
        service = self.services[name]
        files = [DEPLOYMENTS / file for file in service.get("env_file", [])]
        told = {key: value for file in files for key, value in read_variables(file).items()}
        told |= {key: self._put_in(value) for key, value in service.get("environment", {}).items()}
        here = Here(replaced=[*self._mounted(service), *here.replaced], whole=here.whole)
        kind, *check = service.get("healthcheck", {}).get("test", ["CMD"])
        health = ["sh", "-c", *check] if kind == "CMD-SHELL" else check
        return Declared(
            command=[here.of(one) for one in service.get("command", [])],
            variables={key: here.of(value) for key, value in told.items()},
            health=[here.of(one) for one in health],
            log=self.folder / f"{name}.log",
        )

    def _put_in(self, text: str) -> str:
        def value(match: re.Match[str]) -> str:
            name, kind, rest = match.groups()
            if name not in self.owner:
                assert kind == "-", f"{name} must be set: {rest}"
                return str(rest)
            return self.owner[name]

        return _VARIABLE.sub(value, str(text))

    def _mounted(self, service: Mapping[str, Any]) -> list[tuple[str, str]]:
        pairs = [self._put_in(volume).split(":")[:2] for volume in service.get("volumes", [])]
        return [(inside, self._outside(source)) for source, inside in pairs]

    def _outside(self, source: str) -> str:
        """Return the folder or file that is mounted; a bare name is a volume."""
        if "/" in source:
            return str((DEPLOYMENTS / source).resolve())
        (self.folder / source).mkdir(exist_ok=True, mode=0o700)
        return str(self.folder / source)


def unit(name: str, here: Here, *, instance: str = "", folder: Path) -> Declared:
    """Return what a systemd unit runs; its environment files are looked for `here`."""
    told: dict[str, str] = {}
    command = ""
    for line in (UNITS / name).read_text("utf-8").splitlines():
        key, _, value = line.partition("=")
        if key == "Environment":
            told |= dict([value.split("=", 1)])
        if key == "EnvironmentFile":
            told |= read_variables(Path(here.of(value.removeprefix("-"))))
        if key == "ExecStart":
            command = value.replace("%H", "this").replace("%i", instance)
    programs = f"{Path(sys.executable).parent}/"
    return Declared(
        command=[here.of(one.replace(_PROGRAMS, programs)) for one in shlex.split(command)],
        variables={key: here.of(value) for key, value in told.items()},
        log=folder / f"{name}.log",
    )


def read_variables(file: Path) -> dict[str, str]:
    """Return what an environment file sets."""
    lines = (line.strip() for line in file.read_text("utf-8").splitlines())
    return dict(line.split("=", 1) for line in lines if line and not line.startswith("#"))

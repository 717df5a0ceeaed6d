"""Lets a part import beside the others and begin its work only when everything is in order.

`vidra up` starts its parts all at once. Each imports what it needs, then waits at the gate: two files that
do not exist at first. One holds the address of Prefect's API once the server answers, the other says that
everything is in order. A part that is started again later finds both. What a module's `main` does waits for
the second with `python -m vidra.engine.lifecycle.gate MODULE …`.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Mapping, MutableMapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Final, Self

from vidra.engine.lifecycle.importing import importing
from vidra.engine.lifecycle.programs import module_command

GATE_VARIABLE: Final = "VIDRA_INTERNAL_GATE"
"""Environment variable of a part that has to wait: `PID:PATH`, who opens and where the address will be."""
LOOK: Final = 0.02
"""Seconds between two looks at a file."""
_OPEN: Final = "open"


class Gate:
    """The gate as `vidra up` sees it: closed until it is opened, and again when the context is left."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def __enter__(self) -> Self:
        """Close it, whatever an engine that was killed has left."""
        self._path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._forget()
        return self

    def __exit__(self, *_: object) -> None:
        """Close it."""
        self._forget()

    @property
    def environment(self) -> Mapping[str, str]:
        """What a part needs to find it."""
        return {GATE_VARIABLE: f"{os.getpid()}:{self._path}"}

    def announce(self, api_url: str) -> None:
        """Say where the server is: parts may connect, and no more."""
        _write(self._path, api_url)

    def open(self) -> None:
        """Let the parts begin; the server has been announced."""
        _write(_mark(self._path, _OPEN), "")

    def is_at_work(self, part: str) -> bool:
        """Whether the part has said that it works, see `say_at_work`."""
        return _mark(self._path, part).exists()

    def _forget(self) -> None:
        for path in (self._path, *self._path.parent.glob(f"{self._path.name}.*")):
            path.unlink(missing_ok=True)


def await_server(environ: MutableMapping[str, str] = os.environ) -> None:
    """Return once the server is announced, with its address as PREFECT_API_URL; at once without a gate.

    Ends the process when whoever would announce it has gone.
    """
    if (path := _path(environ)) is None:
        return
    while not path.exists():
        _end_without_opener(environ)
        time.sleep(LOOK)
    environ["PREFECT_API_URL"] = path.read_text("utf-8")


def is_open(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether this part may begin; it may where there is no gate."""
    path = _path(environ)
    return path is None or _mark(path, _OPEN).exists()


async def opened() -> None:
    """Return once this part may begin. Ends the process when whoever would open the gate has gone."""
    while not is_open():
        _end_without_opener(os.environ)
        await asyncio.sleep(LOOK)


def say_at_work(part: str, environ: Mapping[str, str] = os.environ) -> None:
    """Tell whoever opened the gate that the part does its work now."""
    if (path := _path(environ)) is not None:
        _write(_mark(path, part), str(os.getpid()))


def gated_command(module: str, *arguments: str) -> list[str]:
    """Return the command line that runs the module's `main` behind the gate."""
    return module_command("vidra.engine.lifecycle.gate", module, *arguments)


def _path(environ: Mapping[str, str]) -> Path | None:
    told = environ.get(GATE_VARIABLE)
    return None if told is None else Path(told.partition(":")[2])


def _end_without_opener(environ: Mapping[str, str]) -> None:
    """End this process if the other has gone; where kernels see to that, they did so before."""
    try:
        os.kill(int(environ[GATE_VARIABLE].partition(":")[0]), 0)
    except (ProcessLookupError, PermissionError):  # somebody else's process with its number is not it
        sys.exit(1)


def _mark(path: Path, part: str) -> Path:
    return path.with_name(f"{path.name}.{part}")


def _write(path: Path, text: str) -> None:
    aside = path.with_name(f"{path.name}.new-{os.getpid()}")
    aside.write_text(text, "utf-8")
    aside.replace(path)  # whoever looks sees all of it or nothing


def main(arguments: Sequence[str]) -> int:
    """Import the module that the first argument names, wait, and run its `main` with the others."""
    name, *others = arguments
    with importing():
        module = import_module(name)
    await_server()
    asyncio.run(opened())
    code: int = module.main(others)
    return code


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""`vidra logs`: what the engine and its parts write."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli.invocation import Invocation

if TYPE_CHECKING:
    from vidra.settings import Settings

app = typer.Typer()

POLL = 0.3
"""Seconds between two looks for new lines."""


@app.command("logs")
def logs(
    ctx: typer.Context,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the latest lines.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until Ctrl-C.")
    ] = False,
    part: Annotated[
        str | None, typer.Option("--part", metavar="NAME", help="One part only, for example `worker`.")
    ] = None,
) -> None:
    """Show the latest lines of the engine's log and of its parts' logs, the name of the part first."""
    files = _files(Invocation.of(ctx).settings(), part)
    tails = [_Tail(name, path) for name, path in files]
    newest = sorted(line for tail in tails for line in tail.new_lines())
    for line in newest[len(newest) - lines if lines else len(newest) :]:
        typer.echo(line)
    while follow:
        time.sleep(POLL)
        for line in sorted(line for tail in tails for line in tail.new_lines()):
            typer.echo(line)


def _files(settings: Settings, part: str | None) -> list[tuple[str, Path]]:
    from vidra.engine.lifecycle.parts import SERVER, SHIM, WORKER  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.running import logs_folder  # noqa: PLC0415 - the same

    folder = logs_folder(settings)
    known = {"vidra": settings.log_file} | {name: folder / f"{name}.log" for name in (SERVER, WORKER, SHIM)}
    if part is not None and part not in known:
        raise typer.BadParameter(f"no part `{part}`; there are {', '.join(known)}")
    return [(name, path) for name, path in known.items() if part in (None, name)]


class _Tail:
    """Reads a growing file; one that was rotated is read from its beginning."""

    def __init__(self, name: str, path: Path) -> None:
        self._name, self._path = name, path
        self._offset = self._inode = 0

    def new_lines(self) -> Iterator[str]:
        """Yield the lines since the last call, time first so that lines of several files can be sorted."""
        try:
            with self._path.open("rb") as file:
                facts = os.fstat(file.fileno())
                if facts.st_ino != self._inode or facts.st_size < self._offset:
                    self._inode, self._offset = facts.st_ino, 0
                file.seek(self._offset)
                data = file.read()
        except FileNotFoundError:
            return
        whole = data[: data.rfind(b"\n") + 1]
        self._offset += len(whole)
        for line in whole.decode("utf-8", "replace").splitlines():
            moment, _, text = line.partition(" ")
            yield f"{moment} {self._name}: {text}"

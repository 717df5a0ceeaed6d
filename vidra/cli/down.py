"""`vidra down`: end the engine in order."""

from __future__ import annotations

import signal
import time
from typing import Annotated

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation

app = typer.Typer()


@app.command("down")
def down(
    ctx: typer.Context,
    *,
    timeout: Annotated[
        float,
        typer.Option("--timeout", metavar="SECONDS", help="How long running downloads may take to stop."),
    ] = 60.0,
) -> None:
    """Stop the engine and wait until it is gone; jobs under way go on at the next start.

    Exit codes: 0 stopped, or none was running; 1 still there after the time allowed.
    """
    from vidra.engine.lifecycle.running import find_engine  # noqa: PLC0415 - 0.2 s
    from vidra.supervisor.identity import Identity  # noqa: PLC0415 - the same

    settings = Invocation.of(ctx).settings()
    engine = find_engine(settings)
    if engine is None:
        typer.echo("Vidra is not running.")
        raise typer.Exit
    identity = Identity.of(engine.pid) if engine.pid is not None else None
    if identity is not None:
        identity.send(signal.SIGTERM)
    deadline = time.monotonic() + timeout
    while find_engine(settings) is not None or (identity is not None and identity.alive):
        if time.monotonic() > deadline:
            typer.echo(f"still running after {timeout:g} s (pid {engine.pid})", err=True)
            raise typer.Exit(ExitCode.FAILED)
        time.sleep(0.1)
    typer.echo("Vidra has stopped.")

"""`vidra up`: run everything, in this terminal or in the background."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.engine.lifecycle.importing import importing
from vidra.errors import AlreadyRunning, EngineStartFailed, UsageError

if TYPE_CHECKING:
    from vidra.engine.lifecycle.up import Ready
    from vidra.settings import Settings
    from vidra.supervisor.interface import BackendEvent

app = typer.Typer()

DETACH_LIMIT = 180.0
"""Seconds a detached start may take; the first one prepares a database."""


@app.command("up")
def up(
    ctx: typer.Context,
    *,
    detach: Annotated[bool, typer.Option("--detach", "-d", help="Run in the background.")] = False,
    no_server: Annotated[
        bool,
        typer.Option("--no-server", help="Start no server; implied when `engine.api_url` names one."),
    ] = False,
) -> None:
    """Run server, schedules, worker and API until Ctrl-C, SIGTERM or `vidra down`.

    A second `vidra up` for the same data folder says where the first one is, and ends with 0.
    With `engine.api_url` (PREFECT_API_URL) set, that server is used and none is started.
    """
    invocation = Invocation.of(ctx)
    with importing():
        settings = invocation.settings()
    if no_server and settings.engine.api_url is None:
        raise UsageError("--no-server needs a server: set `engine.api_url` or PREFECT_API_URL")
    no_server = settings.engine.api_url is not None
    os.environ.update(invocation.environment())  # the parts load the same settings by themselves
    raise typer.Exit(_detached(settings, no_server) if detach else _attached(settings, no_server))


def _attached(settings: Settings, no_server: bool) -> int:
    _log_into(settings)
    try:
        asyncio.run(_run(settings, with_server=not no_server))
    except AlreadyRunning as running:
        return _reuse(settings, running)
    return ExitCode.OK


async def _run(settings: Settings, *, with_server: bool) -> None:
    with importing():
        from vidra.engine.lifecycle.up import engine_up  # noqa: PLC0415 - 0.3 s
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    typer.echo("Starting Vidra ...")
    async with engine_up(settings, with_server=with_server, on_event=_tell, on_stop=stop.set) as ready:
        _say_ready(settings, ready)
        await stop.wait()
        typer.echo("Stopping ...")
    typer.echo("Stopped.")


def _say_ready(settings: Settings, ready: Ready) -> None:
    typer.echo(f"Prefect UI and API  {ready.api_url.removesuffix('/api')}")
    if ready.shim_url:
        typer.echo(f"Vidra API           {ready.shim_url}")
        typer.echo(f"Token               {settings.storage.token_file}")
    typer.echo(f"Log                 {settings.log_file}")
    for job_id in ready.revived:
        typer.echo(f"Goes on             job {job_id}")
    typer.echo("Ready.")


def _tell(event: BackendEvent) -> None:
    from vidra.supervisor.interface import StatusChange  # noqa: PLC0415 - loaded by now

    text = (
        f"{event.old} -> {event.new} ({event.reason})" if isinstance(event, StatusChange) else event.message
    )
    logging.getLogger("vidra.up").info("%s: %s", event.name, text)


def _log_into(settings: Settings) -> None:
    """Write what happens into `release_logs.txt`, rotated and kept for seven days."""
    from vidra.cli.log_lines import log_into_file  # noqa: PLC0415 - only a long run has a log file

    log_into_file(settings.log_file)


def _reuse(settings: Settings, running: AlreadyRunning) -> int:
    from vidra.engine.lifecycle.running import find_engine  # noqa: PLC0415 - rare
    from vidra.engine.lifecycle.startup_status import Phase, read_status, write_status  # noqa: PLC0415 - the same

    found = find_engine(settings)
    before = read_status(settings.status_file)
    write_status(
        settings.status_file, Phase.REUSED, log_path=settings.log_file, token=before.get("token"),
        message=str(running),
    )  # fmt: skip
    where = (found.api_url or "still starting").removesuffix("/api") if found else "stopping"
    typer.echo(f"Vidra is running already ({running.holder}): {where}")
    return ExitCode.OK


def _detached(settings: Settings, no_server: bool) -> int:
    from vidra.engine.lifecycle.programs import independent_environment, vidra_command  # noqa: PLC0415 - rare
    from vidra.engine.lifecycle.running import find_engine  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.startup_status import Phase, read_status  # noqa: PLC0415 - the same

    if find_engine(settings) is not None:
        return _attached(settings, no_server)
    began = time.time()
    child = subprocess.Popen(
        vidra_command("up", *(["--no-server"] if no_server else [])),
        env=independent_environment(),
        stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
        start_new_session=True,
    )  # fmt: skip
    while time.time() - began < DETACH_LIMIT:
        engine = find_engine(settings)
        if engine is not None and engine.api_url:
            typer.echo(
                f"Vidra runs in the background (pid {child.pid}): {engine.api_url.removesuffix('/api')}"
            )
            return ExitCode.OK
        if child.poll() is not None:
            status = read_status(settings.status_file)
            reason = str(status.get("message")) if status.get("status") == Phase.ERROR else "see its log"
            raise EngineStartFailed("vidra up", reason, log=f"full log: {settings.log_file}")
        time.sleep(0.2)
    raise EngineStartFailed("vidra up", f"not ready within {DETACH_LIMIT:g} s", log=str(settings.log_file))

"""Runs a flow for a command and waits for its end: through the engine, else with a private server."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import typer

from vidra.cli.catalogue import entrypoint_of
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation, Verbosity
from vidra.errors import EngineUnreachable
from vidra.redaction import redact

if TYPE_CHECKING:
    from vidra.engine.interface import EngineStatus


def run_flow(
    invocation: Invocation, flow: str, request: Mapping[str, Any], *, detach: bool = False
) -> tuple[int, str]:
    """Run the flow and return the exit code and the words of its end; with `detach` it is only asked for.

    Raises `EngineUnreachable` for `detach` without an engine.
    """
    from vidra.engine.environment import applied  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.running import engine_environment  # noqa: PLC0415 - the same

    settings = invocation.settings()
    environment = engine_environment(settings)
    if environment is not None:
        with applied(environment):
            return asyncio.run(_through_engine(flow, request, detach=detach))
    if detach:
        raise EngineUnreachable("--detach needs a running engine: start `vidra up` first")
    return _privately(invocation, flow, request)


async def _through_engine(flow: str, request: Mapping[str, Any], *, detach: bool) -> tuple[int, str]:
    from vidra.engine import runs  # noqa: PLC0415 - 0.2 s

    run = await runs.trigger(f"{flow}/{flow}", {"request": dict(request)})
    if detach:
        return ExitCode.OK, f"run {run.flow_run_id}; `vidra flow watch {run.flow_run_id}` follows it"
    async for now in runs.watch(run.flow_run_id):
        run = now
    code = {"COMPLETED": ExitCode.OK, "CANCELLED": ExitCode.INTERRUPTED}.get(run.state_type, ExitCode.FAILED)
    return code, redact(run.message)


def _privately(invocation: Invocation, flow: str, request: Mapping[str, Any]) -> tuple[int, str]:
    from vidra.engine.interface import EngineStage, RunStatus  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.private import run_privately  # noqa: PLC0415 - the same

    def tell(status: EngineStatus) -> None:
        if status.stage is EngineStage.STARTING and invocation.verbosity > Verbosity.QUIET:
            typer.echo("No engine is running: starting a private Prefect server for this run", err=True)

    os.environ.update(invocation.environment())  # the flow loads its settings by itself
    parameters = {"request": dict(request)}
    outcome = run_privately(entrypoint_of(flow), parameters, settings=invocation.settings(), on_status=tell)
    codes = {RunStatus.COMPLETED: ExitCode.OK, RunStatus.CANCELLED: ExitCode.INTERRUPTED}
    words = outcome.message or (str(outcome.error) if outcome.error else outcome.state_name)
    return codes.get(outcome.status, ExitCode.FAILED), redact(words)

"""`vidra job pause | resume | cancel | retry`: tell jobs what to do, and wait until they did."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidra.cli import failures
from vidra.cli.completion import complete_job
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.job_lookup import find_job
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.steering import Command, NoEngine, Steered, steer
from vidra.errors import EngineUnreachable
from vidra.redaction import redact

if TYPE_CHECKING:
    from vidra.engine.jobs.commands import RunStarter
    from vidra.settings import Settings
    from vidra.state import State

app = typer.Typer()

JobIds = Annotated[
    list[str],
    typer.Argument(
        metavar="JOB", autocompletion=complete_job, help="Ids of the jobs; their beginnings will do."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")]

_DONE = {
    Command.PAUSE: "paused job {}; what is there stays",
    Command.RESUME: "resumed job {}; `vidra job logs -f {}` follows it",
    Command.CANCEL: "cancelled job {}; finished files stay",
    Command.RETRY: "job {} runs again; `vidra job logs -f {}` follows it",
}


@app.command("pause")
def pause(ctx: typer.Context, jobs: JobIds, *, as_json: Json = False) -> None:
    """Stop jobs and keep what is there, so that they can be resumed."""
    _steer(ctx, Command.PAUSE, jobs, as_json=as_json)


@app.command("resume")
def resume(ctx: typer.Context, jobs: JobIds, *, as_json: Json = False) -> None:
    """Have the engine go on with paused or failed jobs."""
    _steer(ctx, Command.RESUME, jobs, as_json=as_json)


@app.command("cancel")
def cancel(ctx: typer.Context, jobs: JobIds, *, as_json: Json = False) -> None:
    """End jobs for good. Finished files stay, partial ones go."""
    _steer(ctx, Command.CANCEL, jobs, as_json=as_json)


@app.command("retry")
def retry(ctx: typer.Context, jobs: JobIds, *, as_json: Json = False) -> None:
    """Have the engine run jobs again. Finished files are verified, not fetched anew."""
    _steer(ctx, Command.RETRY, jobs, as_json=as_json)


def _steer(ctx: typer.Context, command: Command, jobs: Sequence[str], *, as_json: bool) -> None:
    invocation = Invocation.of(ctx)
    settings = invocation.settings()
    with invocation.state() as state:
        found = [find_job(state, text).job_id for text in jobs]
        with _starter(settings, command) as starter:
            told = asyncio.run(_steer_all(state, starter, settings, command, list(dict.fromkeys(found))))
    _show(told, as_json=as_json)
    raise typer.Exit(_exit_code(told))


async def _steer_all(
    state: State, starter: RunStarter, settings: Settings, command: Command, job_ids: Sequence[str]
) -> list[Steered]:
    commands = JobCommands(state, starter, settings=settings)
    alone = isinstance(starter, NoEngine)
    return await asyncio.gather(*(steer(commands, command, job_id, alone=alone) for job_id in job_ids))


@contextmanager
def _starter(settings: Settings, command: Command) -> Iterator[RunStarter]:
    """Yield the way to the running engine, or what there is without one.

    Raises `EngineUnreachable`, before anything was changed, when the command needs an engine.
    """
    from vidra.engine.environment import applied  # noqa: PLC0415 - 0.2 s
    from vidra.engine.jobs.starter import PrefectStarter  # noqa: PLC0415 - the same
    from vidra.engine.lifecycle.running import engine_environment  # noqa: PLC0415 - the same

    environment = engine_environment(settings)
    if environment is not None:
        with applied(environment):
            yield PrefectStarter()
        return
    if command.needs_engine:
        raise EngineUnreachable(
            f"nobody would do the work: `vidra job {command}` needs a running engine, start `vidra up` first"
            "\nWithout one, the same `vidra flow run` command as before goes on with an unfinished job."
        )
    yield NoEngine()


def _show(told: Sequence[Steered], *, as_json: bool) -> None:
    if as_json:
        typer.echo(json.dumps([_as_json(one) for one in told], indent=2))
        return
    for one in told:
        if one.error is not None:
            failures.say(str(one.error))
        elif one.done:
            typer.echo(_DONE[one.command].replace("{}", one.job_id))
        else:
            typer.echo(f"job {one.job_id} is {one.status}: nothing to {one.command}")


def _as_json(one: Steered) -> dict[str, Any]:
    return {
        "job_id": one.job_id,
        "command": one.command.value,
        "status": str(one.status),
        "done": one.done,
        "error": None if one.error is None else redact(str(one.error)),
    }


def _exit_code(told: Sequence[Steered]) -> int:
    wrong = [one for one in told if one.error is not None]
    if not wrong:
        return ExitCode.OK
    return ExitCode.PARTIAL if len(wrong) < len(told) else ExitCode.FAILED

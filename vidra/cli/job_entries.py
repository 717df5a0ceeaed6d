"""`vidra job select | retry-entries | drop`: what a person tells the entries of a list."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli import failures
from vidra.cli.choosing import choose_here, existing
from vidra.cli.completion import complete_job
from vidra.cli.displays import open_display_for
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.job_lookup import find_job
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.entry_commands import ALL, LOCKED, EntryCommands, EntryResult, EntryTargets
from vidra.engine.jobs.starters import starter_for
from vidra.engine.lifecycle.running import engine_environment

if TYPE_CHECKING:
    from vidra.state import State

app = typer.Typer()

JobId = Annotated[
    str,
    typer.Argument(metavar="JOB", autocompletion=complete_job, help="Id of the job; its beginning will do."),
]
Places = Annotated[str, typer.Argument(metavar="PLACES", help="Places in the list, such as `1-3,7`.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]


@app.command("select")
def select(
    ctx: typer.Context,
    job: JobId,
    places: Annotated[
        str, typer.Argument(metavar="PLACES", help="Places in the list, such as `1-3,7`; or `all`.")
    ],
    *,
    as_json: Json = False,
) -> None:
    """Choose from a list that waits for it, and begin; once.

    The running engine does the work; without one it is done here, and `--json` prints what happens, one
    object a line.
    """
    if (code := _select_here(ctx, job, places, as_json=as_json)) is not None:
        raise typer.Exit(code)

    async def work(commands: EntryCommands, job_id: str, known: list[int]) -> EntryResult:
        """Choose the entries."""
        chosen = None if places.strip().lower() == ALL else existing(places, known)
        return await commands.select(job_id, chosen)

    result = _tell(ctx, job, work, needs_engine="select")
    if result.done and result.reason == LOCKED:
        said = f"job {result.job_id} is {result.status}: {result.selection} was chosen before"
    else:
        said = f"job {result.job_id} downloads {result.selection}; {_follows(result)}"
    _show(result, said, as_json=as_json)


def _select_here(ctx: typer.Context, job: str, places: str, *, as_json: bool) -> int | None:
    """Choose and download in this process; None where an engine runs."""
    invocation = Invocation.of(ctx)
    settings = invocation.settings()
    if engine_environment(settings) is not None:
        return None
    with invocation.state() as state:
        job_id = find_job(state, job).job_id
    os.environ.update(invocation.environment())  # the flow loads its settings by itself
    display = open_display_for(invocation, as_json=as_json)
    return choose_here(job_id, places, settings=settings, display=display)


@app.command("retry-entries")
def retry_entries(ctx: typer.Context, job: JobId, places: Places, *, as_json: Json = False) -> None:
    """Have the engine download failed entries of a finished list again, and only those."""

    async def work(commands: EntryCommands, job_id: str, known: list[int]) -> EntryResult:
        """Have the entries tried again."""
        return await commands.retry(job_id, EntryTargets(indices=existing(places, known)))

    result = _tell(ctx, job, work, needs_engine="retry-entries")
    said = (
        f"job {result.job_id} tries {result.selection} again; `vidra job logs -f {result.job_id}` follows it"
    )
    _show(result, said, as_json=as_json)


@app.command("drop")
def drop(ctx: typer.Context, job: JobId, places: Places, *, as_json: Json = False) -> None:
    """Take entries out of a finished list; their files stay, and the tallies follow."""

    async def work(commands: EntryCommands, job_id: str, known: list[int]) -> EntryResult:
        """Drop the entries."""
        return await commands.remove(job_id, EntryTargets(indices=existing(places, known)))

    result = _tell(ctx, job, work, needs_engine=None)
    said = f"took {len(result.indices)} out of job {result.job_id}; files stay"
    _show(result, said, as_json=as_json)


def _tell(
    ctx: typer.Context,
    job: str,
    work: Callable[[EntryCommands, str, list[int]], Awaitable[EntryResult]],
    *,
    needs_engine: str | None,
) -> EntryResult:
    invocation = Invocation.of(ctx)
    settings = invocation.settings()
    with invocation.state() as state:
        job_id = find_job(state, job).job_id
        known = _places(state, job_id)
        with starter_for(settings, needs_engine=needs_engine) as starter:
            commands = EntryCommands(JobCommands(state, starter, settings=settings))

            async def told() -> EntryResult:
                return await work(commands, job_id, known)

            return asyncio.run(told())


def _follows(result: EntryResult) -> str:
    return f"`vidra job logs -f {result.job_id}` follows it"


def _places(state: State, job_id: str) -> list[int]:
    return [entry.index for entry in state.entries(job_id).all()]


def _show(result: EntryResult, said: str, *, as_json: bool) -> None:
    if as_json:
        shown = {
            "job_id": result.job_id,
            "status": str(result.status),
            "done": result.done,
            "reason": result.reason,
            "selection": result.selection,
            "indices": list(result.indices),
        }
        typer.echo(json.dumps(shown, indent=2))
    elif result.done:
        typer.echo(said)
    else:
        failures.say(f"job {result.job_id} is {result.status}: {result.reason or 'not now'}")
    if not result.done:
        raise typer.Exit(ExitCode.FAILED)

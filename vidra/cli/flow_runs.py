"""`vidra flow runs | watch | cancel | logs`: look after the runs on the engine's server."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidra.cli.columns import columns, output_width
from vidra.cli.engine_access import engine_reached
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.progress.wording import clean
from vidra.clock import iso
from vidra.errors import EngineError, UsageError
from vidra.redaction import redact

if TYPE_CHECKING:
    from vidra.engine.runs import RunInfo

app = typer.Typer()

POLL = 0.5
"""Seconds between two looks for new lines, or for the end of a run."""
LAST_LINES = 3.0
"""Seconds after a run's end in which its last lines still arrive; Prefect sends them every 2 s."""
STOP_LIMIT = 30.0
"""Seconds a cancelled run gets to end."""
LOOKED_THROUGH = 200
"""Latest runs among which the beginning of an id is looked for; the most Prefect returns at once."""

_WHOLE_ID = 36  # characters of a UUID
_HEADER = ("RUN", "STATE", "STARTED", "ENDED", "NAME")
_ENDS = {"COMPLETED": ExitCode.OK, "CANCELLED": ExitCode.INTERRUPTED}

RunId = Annotated[
    str,
    typer.Argument(metavar="RUN", help="Id of the run; its beginning will do for one of the latest."),
]
JsonLines = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]
Line = tuple[datetime, int, str]


@app.command("runs")
def list_runs(
    ctx: typer.Context,
    *,
    limit: Annotated[
        int, typer.Option("--limit", "-n", min=1, max=LOOKED_THROUGH, help="How many of the latest runs.")
    ] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")] = False,
) -> None:
    """List the latest runs, newest first; those that are only planned are left out."""
    from vidra.engine import runs  # noqa: PLC0415 - 0.2 s

    with engine_reached(Invocation.of(ctx).settings()):
        found = asyncio.run(runs.recent(limit=limit))
    if as_json:
        typer.echo(json.dumps([_as_json(run) for run in found], indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(columns(_HEADER, [_row(run) for run in found], width=output_width())))


@app.command("watch")
def watch_run(ctx: typer.Context, run: RunId, *, as_json: JsonLines = False) -> None:
    """Tell each change of a run's state until it is over.

    Ctrl-C ends the watching, not the run. Exit codes: 0 completed, 130 cancelled, 1 failed or crashed.
    """
    with engine_reached(Invocation.of(ctx).settings()):
        last = asyncio.run(_watch(run, as_json=as_json))
    raise typer.Exit(_ENDS.get(last.state_type, ExitCode.FAILED))


@app.command("cancel")
def cancel_run(ctx: typer.Context, run: RunId) -> None:
    """End a run, and wait until it has ended."""
    with engine_reached(Invocation.of(ctx).settings()):
        before, after = asyncio.run(_cancel(run))
    if before.final:
        typer.echo(f"run {before.flow_run_id} is {before.state_name.lower()}: nothing to cancel")
        return
    if not after.final:
        raise EngineError(
            f"run `{after.flow_run_id}` is still {after.state_name.lower()} after {STOP_LIMIT:g} s; "
            "its worker ends it when it comes back"
        )
    typer.echo(f"run {after.flow_run_id} is {after.state_name.lower()}")


@app.command("logs")
def show_logs(
    ctx: typer.Context,
    run: RunId,
    *,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until the run is over.")
    ] = False,
    as_json: JsonLines = False,
) -> None:
    """Print the log lines of a run, oldest first."""
    with engine_reached(Invocation.of(ctx).settings()):
        asyncio.run(_print_logs(run, follow=follow, as_json=as_json))


async def find_run(text: str) -> RunInfo:
    """Return the run with this id, or the only one of the latest whose id begins so.

    Raises `EngineError` when there is none, and `UsageError` naming the candidates when there are several.
    """
    from vidra.engine import runs  # noqa: PLC0415 - 0.2 s

    if len(text) == _WHOLE_ID:
        return await runs.read(text)
    latest = await runs.recent(limit=LOOKED_THROUGH)
    return choose_run(latest, text) or await runs.read(text)


def choose_run(latest: Sequence[RunInfo], text: str) -> RunInfo | None:
    """Return the only run whose id begins so; None if there is none. Raises `UsageError` for several."""
    found = [run for run in latest if text and run.flow_run_id.startswith(text)]
    if len(found) > 1:
        candidates = ", ".join(f"`{run.flow_run_id}`" for run in found[:5])
        raise UsageError(f"run `{text}` could be {candidates}; type more of the id")
    return found[0] if found else None


async def _watch(text: str, *, as_json: bool) -> RunInfo:
    from vidra.engine import runs  # noqa: PLC0415 - 0.2 s

    last = await find_run(text)
    async for now in runs.watch(last.flow_run_id):
        last = now
        message = f": {clean(redact(last.message))}" if last.message else ""
        line = json.dumps(_as_json(last), ensure_ascii=False) if as_json else f"{last.state_name}{message}"
        typer.echo(line)
    return last


async def _cancel(text: str) -> tuple[RunInfo, RunInfo]:
    from vidra.engine import runs  # noqa: PLC0415 - 0.2 s

    before = await find_run(text)
    after = before if before.final else await runs.cancel(before.flow_run_id)
    for _ in range(int(STOP_LIMIT / POLL)):
        if after.final:
            break
        await asyncio.sleep(POLL)
        after = await runs.read(after.flow_run_id)
    return before, after


async def _print_logs(text: str, *, follow: bool, as_json: bool) -> None:
    run = await find_run(text)
    async for moment, level, message in _lines(run, follow=follow):
        if as_json:
            facts = {"time": iso(moment), "level": logging.getLevelName(level).lower()}
            typer.echo(json.dumps(facts | {"message": redact(message)}, ensure_ascii=False))
        else:
            word = logging.getLevelName(level).lower()
            typer.echo(f"{_moment(moment)} {word:<7} {clean(redact(message))}")


async def _lines(run: RunInfo, *, follow: bool) -> AsyncIterator[Line]:
    """Yield each line once; the server returns a page at a time, from the last one's time on."""
    from vidra.engine import runs  # noqa: PLC0415 - 0.2 s

    seen: set[Line] = set()
    after: datetime | None = None
    waits_left = int(LAST_LINES / POLL)
    while True:
        new = [line for line in await runs.log_lines(run.flow_run_id, after=after) if line not in seen]
        for line in new:
            yield line
        if new:
            seen, after = {line for line in (*seen, *new) if line[0] == new[-1][0]}, new[-1][0]
            continue
        if not follow or not waits_left:
            return
        waits_left -= run.final
        await asyncio.sleep(POLL)
        run = await runs.read(run.flow_run_id)


def _job_id(run: RunInfo) -> str | None:
    request = run.parameters.get("request")
    found = request.get("job_id") if isinstance(request, dict) else None
    return None if found is None else str(found)


def _row(run: RunInfo) -> tuple[str, ...]:
    return (run.flow_run_id, run.state_name, _moment(run.started), _moment(run.ended), clean(run.name))


def _moment(moment: datetime | None) -> str:
    return "" if moment is None else f"{iso(moment)[:19].replace('T', ' ')}Z"


def _as_json(run: RunInfo) -> dict[str, Any]:
    """Return the run as an object; times ISO-8601 in UTC, null where unknown."""
    return {
        "run_id": run.flow_run_id,
        "name": run.name,
        "state": run.state_name,
        "state_type": run.state_type,
        "message": redact(run.message),
        "final": run.final,
        "job_id": _job_id(run),
        "tags": list(run.tags),
        "expected_start": None if run.expected_start is None else iso(run.expected_start),
        "started": None if run.started is None else iso(run.started),
        "ended": None if run.ended is None else iso(run.ended),
    }

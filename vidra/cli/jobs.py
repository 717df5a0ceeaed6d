"""`vidra job`: look at jobs and their logs, and forget finished ones; steering is in `job_commands`."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Callable
from typing import Annotated

import typer

from vidra.cli import job_commands, job_entries
from vidra.cli.columns import columns, output_width
from vidra.cli.completion import complete_job
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.job_lookup import find_job, forget_job
from vidra.cli.job_pages import HEADER, entry_json, job_json, job_lines, job_row, log_json, log_text
from vidra.errors import UsageError
from vidra.state import ChangeKind, State
from vidra.state.interface import TERMINAL, JobStatus, LogLine

app = typer.Typer(
    name="job", help="Look at jobs, steer them, and forget finished ones.", no_args_is_help=True
)
app.add_typer(job_commands.app)
app.add_typer(job_entries.app)

JobId = Annotated[
    str,
    typer.Argument(metavar="JOB", autocompletion=complete_job, help="Id of the job; its beginning will do."),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


def _print_json(value: object) -> None:
    typer.echo(json.dumps(value, indent=2, ensure_ascii=False))


@app.command("ls")
def list_jobs(
    ctx: typer.Context,
    *,
    status: Annotated[
        list[JobStatus] | None,
        typer.Option(metavar="STATUS", help="Only jobs with this status; may be given many times."),
    ] = None,
    owner: Annotated[str | None, typer.Option(metavar="NAME", help="Only jobs of this owner.")] = None,
    as_json: Json = False,
) -> None:
    """List the jobs, oldest first."""
    with Invocation.of(ctx).state() as state:
        found = [
            (job, state.jobs.progress(job.job_id))
            for job in state.jobs.list(statuses=status or None, creator=owner)
        ]
    if as_json:
        _print_json([job_json(job, progress) for job, progress in found])
        return
    rows = [job_row(job, progress) for job, progress in found]
    typer.echo("\n".join(columns(HEADER, rows, width=output_width())))


@app.command("show")
def show_job(ctx: typer.Context, job: JobId, *, as_json: Json = False) -> None:
    """Show one job: where it stands, what was asked, its files and its failures."""
    with Invocation.of(ctx).state() as state:
        record = find_job(state, job)
        progress = state.jobs.progress(record.job_id)
        entries = state.entries(record.job_id).all()
        version, options = state.options.load(record.job_id)
    if not as_json:
        typer.echo("\n".join(job_lines(record, progress, entries, options)))
        return
    page = job_json(record, progress)
    page |= {"options": options, "options_version": version}
    page["entries"] = [entry_json(entry) for entry in entries]
    _print_json(page)


@app.command("logs")
def show_logs(
    ctx: typer.Context,
    job: JobId,
    *,
    lines: Annotated[int, typer.Option("--lines", "-n", min=0, help="How many of the latest lines.")] = 50,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with new lines until the job is over.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")] = False,
) -> None:
    """Print the latest log lines of a job."""

    def show(line: LogLine) -> None:
        typer.echo(json.dumps(log_json(line)) if as_json else log_text(line))

    with Invocation.of(ctx).state() as state:
        job_id = find_job(state, job).job_id
        if follow:
            _follow_logs(state, job_id, lines, show)
            return
        for line in _tail(state, job_id, lines):
            show(line)


def _tail(state: State, job_id: str, limit: int) -> list[LogLine]:
    return list(state.logs.tail(job_id, limit=limit)[1]) if limit else []


def _follow_logs(state: State, job_id: str, limit: int, show: Callable[[LogLine], None]) -> None:
    """Print the latest lines, then new ones until the job is over or gone."""
    feed, stop = state.feed(job_id), threading.Event()
    cursor = feed.now()
    printed = _tail(state, job_id, limit)
    for line in printed:
        show(line)
    seen = {(line.timestamp, line.message) for line in printed}  # the feed may tell the last ones again
    if state.jobs.get(job_id).status in TERMINAL:
        stop.set()
    for batch in feed.follow(cursor, stop=stop):
        for change in batch.changes:
            if change.line is not None and (change.line.timestamp, change.line.message) not in seen:
                show(change.line)
            over = change.job is not None and change.job.status in TERMINAL
            if over or change.kind is ChangeKind.REMOVED:
                stop.set()


@app.command("rm")
def remove_jobs(
    ctx: typer.Context,
    jobs: Annotated[
        list[str],
        typer.Argument(
            metavar="JOB", autocompletion=complete_job, help="Ids of the jobs; their beginnings will do."
        ),
    ],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="Also a job that is not finished, if nothing works on it.")
    ] = False,
) -> None:
    """Forget jobs with their entries, options and logs. Downloaded files stay where they are."""
    with Invocation.of(ctx).state() as state:
        found = [find_job(state, job) for job in dict.fromkeys(jobs)]
        if not yes and not _confirmed([job.job_id for job in found]):
            raise typer.Exit(ExitCode.FAILED)
        for job in found:
            forget_job(state, job.job_id, force=force)
            typer.echo(f"forgot job {job.job_id}; its files stay")


def _confirmed(job_ids: list[str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: add --yes to forget jobs without a question")
    return typer.confirm(f"Forget {', '.join(job_ids)}? Downloaded files stay.", err=True)

"""Downloads of which a person chooses the entries: beforehand, when the list is known, or later."""

from __future__ import annotations

import sys
from collections.abc import Callable, Sequence
from typing import Final

import typer

from vidra.cli.execution import engine_for_detached, execute, request_of
from vidra.cli.exit_codes import ExitCode
from vidra.cli.job_pages import choice_lines, how_to_choose
from vidra.cli.options import Choice
from vidra.cli.progress import Renderer
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.entry_commands import ALL, EntryCommands
from vidra.engine.jobs.selection import ranges_of
from vidra.engine.jobs.steering import NoEngine
from vidra.engine.jobs.submission import resume_or_submit
from vidra.errors import UsageError
from vidra.settings import Settings
from vidra.state import State, open_configured_state
from vidra.state.interface import Entry, Job

MOST_SHOWN: Final = 200
"""Entries of a list that are printed before the question."""


def execute_chosen(
    parameters: dict[str, object],
    choice: Choice,
    *,
    settings: Settings,
    open_display: Callable[[], Renderer],
    interactive: bool,
    detach: bool,
) -> int:
    """Run `download-job`; of a list that waits for a choice say how to choose, or ask if `interactive`.

    Returns the exit code, OK for a job that waits for its choice. Raises what `execute` raises.
    """
    selection = _selection(choice.places)
    if detach:
        engine_for_detached(settings)
    with open_configured_state(settings.storage) as state:
        job = resume_or_submit(
            request_of(parameters),
            settings=settings,
            state=state,
            asks_selection=choice.asks,
            selection=selection,
        )
        if job.selection_required and not choice.asks:
            choose(state, settings, job, choice.places or ALL)
        waits = state.jobs.get(job.job_id).selection_required
    stored: dict[str, object] = {"job_id": job.job_id, "dry_run": parameters.get("dry_run")}
    code: int = ExitCode.OK if waits else _execute(stored, settings, open_display(), detach=detach)
    if parameters.get("dry_run") or detach:
        return code
    with open_configured_state(settings.storage) as state:
        job = state.jobs.get(job.job_id)
        if not job.selection_required:
            return code
        if not interactive:
            typer.echo(f"job {job.job_id} {how_to_choose(job)}", err=True)
            return code
        places = _asked(state.entries(job.job_id).all(), job)
        if places is None:
            return code
        choose(state, settings, job, places)
    return _execute(stored, settings, open_display(), detach=detach)


def _execute(stored: dict[str, object], settings: Settings, display: Renderer, *, detach: bool) -> int:
    return execute("download-job", stored, settings=settings, renderer=display, detach=detach)


def _selection(places: str | None) -> str | None:
    """Return the places as a job stores them, None for all. Raises `UsageError`."""
    if places is None or places.strip().lower() == ALL:
        return None
    ranges_of(places)
    return "".join(places.split())


def choose_here(job_id: str, places: str, *, settings: Settings, display: Renderer) -> int:
    """Choose from a list that waits, and download it in this process, where no engine runs.

    Returns the exit code. Raises `UsageError` if there are no such places, or nothing waits.
    """
    with open_configured_state(settings.storage) as state:
        job = state.jobs.get(job_id)
        if not job.selection_required:
            raise UsageError(f"job {job_id} is {job.status}: it does not wait for a choice")
        choose(state, settings, job, places)
    return _execute({"job_id": job_id}, settings, display, detach=False)


def choose(state: State, settings: Settings, job: Job, places: str) -> None:
    """Store the choice; nobody is asked to begin. Raises `UsageError` if it cannot be made."""
    entries = EntryCommands(JobCommands(state, NoEngine(), settings=settings))
    known = [entry.index for entry in state.entries(job.job_id).all()]
    wanted = None if places.strip().lower() == ALL else existing(places, known)
    told, chosen = entries.choose(job.job_id, wanted)
    if chosen is None:
        raise UsageError(f"job {job.job_id} is {told.status}: it takes no choice now")


def existing(places: str, known: Sequence[int]) -> list[int]:
    """Return the places that exist, a range may be wider than the list; raise `UsageError` if none does."""
    ranges = ranges_of(places)
    found = [index for index in known if any(index in one for one in ranges)]
    if not found:
        raise UsageError(f"none of the places `{places}` is in the list: expected 1 to {len(known)}")
    return found


def _asked(entries: Sequence[Entry], job: Job) -> str | None:
    """Show the list and ask until the answer makes sense; None: to be decided later."""
    typer.echo("\n".join(choice_lines(entries[:MOST_SHOWN])))
    if len(entries) > MOST_SHOWN:
        typer.echo(f"… and {len(entries) - MOST_SHOWN} more: `vidra job show {job.job_id}` lists all of them")
    known = [entry.index for entry in entries]
    while True:
        answer: str = typer.prompt(
            "Which of them? Places such as 1-3,7, or all; nothing decides later",
            default="",
            show_default=False,
            err=True,
        ).strip()
        if not answer:
            typer.echo(f"job {job.job_id} {how_to_choose(job)}", err=True)
            return None
        try:
            return answer if answer.lower() == ALL or existing(answer, known) else None
        except UsageError as error:
            typer.echo(str(error), err=True)


def is_interactive() -> bool:
    """Whether a person can be asked."""
    return sys.stdin.isatty() and sys.stdout.isatty()

"""Runs a flow for the command line and shows its progress."""

from __future__ import annotations

import sys
import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING

import typer
from pydantic import ValidationError

from vidra.cli.catalogue import entrypoint_of
from vidra.cli.exit_codes import ExitCode
from vidra.cli.following import JobFollower
from vidra.cli.progress import Notice, Renderer
from vidra.cli.stopping import stopped_by_signals
from vidra.engine.interface import EngineStage, EngineStatus, FlowOutcome, RunStatus
from vidra.engine.jobs.commands import label_of
from vidra.engine.jobs.submission import resume_or_submit
from vidra.engine.lifecycle.running import engine_environment
from vidra.errors import EngineError, EngineUnreachable, UsageError
from vidra.media.request import DownloadRequest
from vidra.settings import Settings
from vidra.state import State, open_configured_state
from vidra.state.interface import TERMINAL, DesiredState, Job, JobStatus

if TYPE_CHECKING:
    from vidra.engine.jobs.triggered import Wish

NOTICES = {
    EngineStage.STARTING: "No engine is running: starting a private Prefect server for this run",
    EngineStage.MIGRATING: "First start: preparing the server's database, this takes a few seconds",
    EngineStage.STOPPING: "Stopping the private Prefect server",
}
"""What a person is told of a private server."""

_EXIT_CODES = {
    JobStatus.COMPLETED: ExitCode.OK,
    JobStatus.COMPLETED_WITH_ERRORS: ExitCode.PARTIAL,
    JobStatus.PAUSED: ExitCode.INTERRUPTED,
    JobStatus.CANCELLED: ExitCode.INTERRUPTED,
}


def execute(
    flow: str, parameters: dict[str, object], *, settings: Settings, renderer: Renderer, detach: bool = False
) -> int:
    """Run the flow to its end, tell the renderer what happens, and return the exit code.

    The running engine does the work if there is one, else this process with a private server.
    `parameters` are the fields of the flow's request model. With `detach` the engine is only asked.
    Enters and leaves the renderer's context. Raises `UsageError` subclasses before anything was
    started or stored.
    """
    request = request_of(parameters)
    environment = engine_for_detached(settings) if detach else engine_environment(settings)
    state = open_configured_state(settings.storage)
    try:
        job = resume_or_submit(request, settings=settings, state=state)
        with renderer:
            with JobFollower(state, job.job_id, renderer), stopped_by_signals() as stop:
                if environment is None:
                    outcome = _run_privately(flow, job, request, settings, renderer, stop)
                else:
                    _run_through_engine(job, request, environment, settings, state, stop, wait=not detach)
                    outcome = None
            renderer.finish()
        return _exit_code(state, job.job_id, outcome)
    finally:
        state.close()


def engine_for_detached(settings: Settings) -> Mapping[str, str]:
    """Return the running engine's environment; raise `EngineUnreachable` where none runs."""
    environment = engine_environment(settings)
    if environment is None:
        raise EngineUnreachable("--detach needs a running engine: start `vidra up` first")
    return environment


def request_of(parameters: dict[str, object]) -> DownloadRequest:
    """Return the request that these fields make; None counts as left out. Raises `UsageError`."""
    try:
        return DownloadRequest.model_validate({k: v for k, v in parameters.items() if v is not None})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(wrong) from error


def _run_privately(
    flow: str,
    job: Job,
    request: DownloadRequest,
    settings: Settings,
    renderer: Renderer,
    stop: threading.Event,
) -> FlowOutcome:
    from vidra.engine.lifecycle.private import run_privately  # noqa: PLC0415 - a refused request needs no engine

    def on_status(status: EngineStatus) -> None:
        if status.stage in NOTICES:
            renderer.show(Notice(text=NOTICES[status.stage]))

    return run_privately(
        entrypoint_of(flow),
        {"request": {"job_id": job.job_id, "label": label_of(job), "dry_run": request.dry_run}},
        settings=settings,
        on_status=on_status,
        stop=stop,
        tags=("vidra", "download"),
    )


def _run_through_engine(
    job: Job,
    request: DownloadRequest,
    environment: Mapping[str, str],
    settings: Settings,
    state: State,
    stop: threading.Event,
    *,
    wait: bool,
) -> None:
    from vidra.engine.jobs.triggered import run_through_engine  # noqa: PLC0415 - the same

    run_through_engine(
        job,
        environment=environment,
        settings=settings,
        state=state,
        stop=stop,
        wish=_ask_wish,
        dry_run=request.dry_run,
        wait=wait,
    )


def _ask_wish() -> Wish:
    """Ask a person; a program that interrupts us means stop."""
    from vidra.engine.jobs.triggered import Wish  # noqa: PLC0415 - loaded by now

    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        return Wish.STOP
    stays = typer.confirm("\nStop the job? (No leaves it to the engine)", default=True, err=True)
    return Wish.STOP if stays else Wish.DETACH


def _exit_code(state: State, job_id: str, outcome: FlowOutcome | None) -> int:
    job = state.jobs.get(job_id)
    status = job.status
    if job.dry_run and status in TERMINAL:  # it was stored for its plan only, which has been shown
        state.remove_job(job_id)
    if job.selection_required:
        return ExitCode.OK  # nothing waits inside a run for a person
    if status is JobStatus.PAUSED and job.resume_at is not None:
        return ExitCode.PARTIAL  # put off; an engine goes on by itself, and so does the same command
    if status is JobStatus.PAUSED and outcome is not None:
        state.jobs.update(job_id, desired=DesiredState.PAUSE)  # a person stopped it: no engine revives it
    if status in _EXIT_CODES:
        return _EXIT_CODES[status]
    if outcome is None:  # the engine goes on with it, or has failed it
        return ExitCode.FAILED if status is JobStatus.FAILED else ExitCode.OK
    if outcome.status is RunStatus.CANCELLED:
        return ExitCode.INTERRUPTED
    if status is not JobStatus.FAILED:
        # The run ended without telling its job: Prefect refused it, or the flow could not begin.
        raise outcome.error or EngineError(f"the run ended {outcome.state_name}, the job is still {status}")
    return ExitCode.FAILED

"""Runs a flow for the command line and shows its progress."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from pydantic import ValidationError

from vidra.cli.catalogue import entrypoint_of
from vidra.cli.exit_codes import ExitCode
from vidra.cli.following import JobFollower
from vidra.cli.progress import Notice, Renderer
from vidra.engine.interface import EngineStage, EngineStatus, FlowOutcome, RunStatus
from vidra.engine.submission import resume_or_submit
from vidra.errors import EngineError, JobNotFound, UsageError
from vidra.media.request import DownloadRequest
from vidra.settings import Settings
from vidra.state import State, open_state
from vidra.state.interface import JobStatus

_NOTICES = {
    EngineStage.STARTING: "No engine is running: starting a private Prefect server for this run",
    EngineStage.MIGRATING: "First start: preparing the server's database, this takes a few seconds",
    EngineStage.STOPPING: "Stopping the private Prefect server",
}

_EXIT_CODES = {
    JobStatus.COMPLETED: ExitCode.OK,
    JobStatus.COMPLETED_WITH_ERRORS: ExitCode.PARTIAL,
    JobStatus.PAUSED: ExitCode.INTERRUPTED,
    JobStatus.CANCELLED: ExitCode.INTERRUPTED,
}


def execute(flow: str, parameters: dict[str, object], *, settings: Settings, renderer: Renderer) -> int:
    """Run the flow to its end, tell the renderer what happens, and return the exit code.

    `parameters` are the fields of the flow's request model. Enters and leaves the renderer's context.
    Raises `UsageError` subclasses before anything was started or stored.
    """
    request = _request(parameters)
    storage = settings.storage
    state = open_state(
        storage.data_dir, log_lines_kept=storage.log_lines_kept, lock_timeout=storage.lock_timeout
    )
    try:
        job = resume_or_submit(request, settings=settings, state=state)
        with renderer:
            with JobFollower(state, job.job_id, renderer):
                outcome = _run(flow, job.job_id, request, settings, renderer)
            renderer.finish()
        return _exit_code(state, job.job_id, outcome)
    finally:
        state.close()


def _request(parameters: dict[str, object]) -> DownloadRequest:
    try:
        return DownloadRequest.model_validate({k: v for k, v in parameters.items() if v is not None})
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise UsageError(wrong) from error


def _run(
    flow: str, job_id: str, request: DownloadRequest, settings: Settings, renderer: Renderer
) -> FlowOutcome:
    from vidra.engine.private import run_privately  # noqa: PLC0415 - a refused request needs no engine

    def on_status(status: EngineStatus) -> None:
        if status.stage in _NOTICES:
            renderer.show(Notice(text=_NOTICES[status.stage]))

    with _stopped_by_signals() as stop:
        return run_privately(
            entrypoint_of(flow),
            {"request": {"job_id": job_id, "dry_run": request.dry_run}},
            settings=settings,
            on_status=on_status,
            stop=stop,
        )


@contextmanager
def _stopped_by_signals() -> Iterator[threading.Event]:
    """Yield an event that SIGTERM sets, as cron's and systemd's way to say Ctrl-C."""
    stop = threading.Event()

    def on_signal(_number: int, _frame: FrameType | None) -> None:
        stop.set()

    before = signal.signal(signal.SIGTERM, on_signal)
    try:
        yield stop
    finally:
        signal.signal(signal.SIGTERM, before)


def _exit_code(state: State, job_id: str, outcome: FlowOutcome) -> int:
    try:
        status = state.jobs.get(job_id).status
    except JobNotFound:  # a dry run leaves no job behind
        if outcome.error is not None:
            raise outcome.error from None
        return ExitCode.OK
    if status in _EXIT_CODES:
        return _EXIT_CODES[status]
    if outcome.status is RunStatus.CANCELLED:
        return ExitCode.INTERRUPTED
    if status is not JobStatus.FAILED:
        # The run ended without telling its job: Prefect refused it, or the flow could not begin.
        raise outcome.error or EngineError(f"the run ended {outcome.state_name}, the job is still {status}")
    return ExitCode.FAILED

"""`vidra job pause | resume | cancel | retry` without an engine, and with one that takes note."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Vidra
from tests.cli.records import a_job, active, done, failed
from vidra.engine.jobs.commands import JobCommands
from vidra.engine.jobs.steering import Command, NoEngine, Steered, steer
from vidra.errors import EngineError, EngineUnreachable, JobConflict
from vidra.settings import load_settings
from vidra.state import MemoryState, State, memory_state, open_state
from vidra.state.interface import DesiredState, EntryStatus, JobStatus


class Starter:
    """An engine that takes note of what it is asked for."""

    def __init__(self) -> None:
        self.started: list[str] = []
        self.cancelled: list[str] = []

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        self.started.append(f"{flow} {parameters['request']['job_id']} {idempotency_key}")
        return f"run-{len(self.started)}"

    async def cancel(self, run_id: str) -> None:
        self.cancelled.append(run_id)


@pytest.fixture
def state(home: Path) -> Iterator[State]:
    """Fill the state that `vidra` finds: a job a dead run left, a paused one, a finished one."""
    with open_state(home / "data") as state:
        state.jobs.add(a_job("aaa-1", status=JobStatus.RUNNING))
        state.entries("aaa-1").put([active(1, 45.0)])
        state.jobs.add(a_job("aab-1", status=JobStatus.PAUSED, desired=DesiredState.PAUSE))
        state.jobs.add(a_job("ccc-1", status=JobStatus.COMPLETED))
        yield state


def test_a_job_nobody_works_on_is_paused_without_an_engine(vidra: Vidra, state: State) -> None:
    """Its wish is settled at once; an entry that was under way waits again."""
    said = vidra("job", "pause", "aaa")

    assert (said.code, said.err) == (0, "")
    assert said.lines == ["paused job aaa-1; what is there stays"]
    assert state.jobs.get("aaa-1").status is JobStatus.PAUSED
    assert [entry.status for entry in state.entries("aaa-1").all()] == [EntryStatus.PENDING]


def test_jobs_are_cancelled_without_an_engine_and_told_as_json(vidra: Vidra, state: State) -> None:
    """Several at once; one that is over already is no error."""
    said = vidra("job", "cancel", "aaa-1", "aab-1", "ccc-1", "--json")

    told = json.loads(said.out)
    assert said.code == 0
    assert [(one["job_id"], one["status"], one["done"]) for one in told] == [
        ("aaa-1", "cancelled", True),
        ("aab-1", "cancelled", True),
        ("ccc-1", "completed", False),
    ]
    assert set(told[0]) == {"job_id", "command", "status", "done", "error"}
    assert state.jobs.get("aab-1").status is JobStatus.CANCELLED


@pytest.mark.parametrize("command", ["resume", "retry"])
def test_going_on_needs_an_engine_and_changes_nothing_without_one(
    vidra: Vidra, state: State, command: str
) -> None:
    """The remedy is named, and what works without an engine."""
    said = vidra("job", command, "aab-1")

    assert (said.code, said.out) == (1, "")
    assert "vidra up" in said.err
    assert "vidra flow run" in said.err
    assert state.jobs.get("aab-1").status is JobStatus.PAUSED


@pytest.mark.usefixtures("state")
def test_a_status_that_forbids_the_command_is_a_failure(vidra: Vidra) -> None:
    """Exit code 1 alone, 3 when others obeyed; the sentence names job, status and command."""
    alone = vidra("job", "pause", "ccc-1")
    among_others = vidra("job", "pause", "ccc-1", "aaa-1")

    assert (alone.code, alone.out) == (1, "")
    assert alone.err == "vidra: error: job `ccc-1` is completed: cannot pause it\n"
    assert (among_others.code, among_others.lines) == (3, ["paused job aaa-1; what is there stays"])


def test_a_name_that_is_not_clear_stops_the_whole_command(vidra: Vidra, state: State) -> None:
    """Nothing was told to any job yet."""
    assert vidra("job", "cancel", "aaa-1", "zzz").code == 1
    assert vidra("job", "cancel", "aaa-1", "a").code == 2
    assert state.jobs.get("aaa-1").status is JobStatus.RUNNING


def test_a_job_under_way_without_an_engine_is_left_alone(vidra: Vidra, state: State) -> None:
    """Whoever works on it is named: nobody could stop it from here."""
    with state.job_lock("aaa-1", purpose="download"):
        said = vidra("job", "cancel", "aaa-1")

    assert said.code == 1
    assert "download" in said.err
    assert "Ctrl-C" in said.err
    assert state.jobs.get("aaa-1").status is JobStatus.RUNNING


def _steer(state: State, starter: Starter | NoEngine, command: Command, tmp_path: Path) -> Steered:
    settings = load_settings(overrides={"storage.data_dir": tmp_path}, environ={})
    commands = JobCommands(state, starter, settings=settings)
    return asyncio.run(steer(commands, command, "job-1", alone=False, within=0.2))


def _with_job(**fields: Any) -> MemoryState:
    state = memory_state()
    state.jobs.add(a_job(**fields))
    return state


def test_pausing_stops_the_run_and_settles_the_job(tmp_path: Path) -> None:
    """The last run is asked to stop."""
    state, starter = _with_job(status=JobStatus.RUNNING, flow_run_ids=("r1", "r2")), Starter()

    told = _steer(state, starter, Command.PAUSE, tmp_path)

    assert (told.status, told.done, told.error) == (JobStatus.PAUSED, True, None)
    assert starter.cancelled == ["r2"]


def test_a_job_that_does_not_let_go_in_time_is_an_error(tmp_path: Path) -> None:
    """The wish stays written down; who holds the job is named."""
    state = _with_job(status=JobStatus.RUNNING)
    with state.job_lock("job-1", purpose="download"):
        told = _steer(state, Starter(), Command.CANCEL, tmp_path)

    assert isinstance(told.error, EngineError)
    assert "still cancelling after 0.2 s" in str(told.error)
    assert (told.status, told.done) == (JobStatus.CANCELLING, False)


def test_resuming_asks_for_a_new_attempt(tmp_path: Path) -> None:
    """A run of its own, told apart by the attempt."""
    state, starter = _with_job(status=JobStatus.PAUSED), Starter()

    told = _steer(state, starter, Command.RESUME, tmp_path)

    assert (told.status, told.done) == (JobStatus.STARTING, True)
    assert starter.started == ["download-job job-1 job-1:2"]


def test_retrying_takes_up_what_failed_and_leaves_what_is_there(tmp_path: Path) -> None:
    """A second retry of a job that runs already changes nothing."""
    state, starter = _with_job(status=JobStatus.COMPLETED_WITH_ERRORS), Starter()
    state.entries("job-1").put([done(1), failed(2)])

    told = _steer(state, starter, Command.RETRY, tmp_path)
    state.jobs.update("job-1", status=JobStatus.RUNNING)
    again = _steer(state, starter, Command.RETRY, tmp_path)

    assert (told.done, again.done, again.error) == (True, False, None)
    assert [e.status for e in state.entries("job-1").all()] == [EntryStatus.COMPLETED, EntryStatus.PENDING]
    assert starter.started == ["download-job job-1 job-1:2"]


def test_a_conflict_is_told_not_raised(tmp_path: Path) -> None:
    """Other jobs of the same command get their turn."""
    told = _steer(_with_job(status=JobStatus.RUNNING), Starter(), Command.RESUME, tmp_path)

    assert isinstance(told.error, JobConflict)
    assert told.status is JobStatus.RUNNING


def test_an_engine_that_went_away_is_told(tmp_path: Path) -> None:
    """The job stays queued, so that the next engine takes it up."""
    told = _steer(_with_job(status=JobStatus.PAUSED), NoEngine(), Command.RESUME, tmp_path)

    assert isinstance(told.error, EngineUnreachable)
    assert told.status is JobStatus.QUEUED

"""Flow runs in this process, against a private server and against one that is there."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any

import pytest

from tests.engine.polling import wait_until
from vidra.engine.interface import Ending, EngineStage, EngineStatus, FlowOutcome, RunStatus
from vidra.engine.lifecycle.private import run_privately
from vidra.errors import Cancelled, EngineError, TryLater
from vidra.settings import Settings

FLOWS = "tests.engine.sample_flows"


def _execute(name: str, stop: threading.Event | None = None, **parameters: Any) -> FlowOutcome:
    from vidra.engine.worker.execution import execute, load_flow

    flow = load_flow(f"{FLOWS}.{name}")
    asked = stop or threading.Event()
    run = execute(
        flow,
        parameters,
        asked=lambda: Ending.CANCEL if asked.is_set() else None,
        on_created=lambda _: None,
    )
    return run.result(30)


@pytest.mark.usefixtures("server")
def test_a_private_run_brings_its_server_and_takes_it_away(engine_settings: Settings) -> None:
    """The outcome holds the flow's result; the stages come in order; no server is left."""
    statuses: list[EngineStatus] = []

    outcome = run_privately(
        f"{FLOWS}.doubled", {"number": 21}, settings=engine_settings, on_status=statuses.append
    )

    assert (outcome.status, outcome.result, outcome.error) == (RunStatus.COMPLETED, 42, None)
    assert [status.stage for status in statuses] == [
        EngineStage.STARTING,
        EngineStage.READY,
        EngineStage.RUNNING,
        EngineStage.STOPPING,
    ]
    assert statuses[2].flow_run_id == outcome.flow_run_id


@pytest.mark.usefixtures("connected")
def test_a_stopped_run_cleans_up_and_is_cancelled(tmp_path: Path) -> None:
    """Setting the event lets the flow finish its clean-up; Prefect then shows Cancelled."""
    stop = threading.Event()

    def stop_once_begun() -> None:
        wait_until((tmp_path / "begun").exists)
        stop.set()

    watcher = threading.Thread(target=stop_once_begun)
    watcher.start()

    outcome = _execute("waiting", stop, folder=tmp_path)
    watcher.join()

    assert outcome.status is RunStatus.CANCELLED
    assert isinstance(outcome.error, Cancelled)
    assert (tmp_path / "cleaned").exists()
    assert _state_name(outcome) == "Cancelled"


@pytest.mark.usefixtures("connected")
def test_an_error_of_ours_comes_through_as_it_is() -> None:
    """A caller can tell what happened by class."""
    outcome = _execute("failing", reason="asked to come back")

    assert outcome.status is RunStatus.FAILED
    assert isinstance(outcome.error, TryLater)


@pytest.mark.usefixtures("connected")
def test_an_error_of_others_becomes_an_engine_error() -> None:
    """No foreign exception and no traceback reaches a person."""
    outcome = _execute("breaking")

    assert outcome.status is RunStatus.FAILED
    assert type(outcome.error) is EngineError
    assert "ZeroDivisionError: made up" in str(outcome.error)


@pytest.mark.usefixtures("connected")
def test_a_flow_may_decide_its_own_state() -> None:
    """A returned Failed state is a failed outcome with the state's message."""
    outcome = _execute("says_failed")

    assert (outcome.status, outcome.message) == (RunStatus.FAILED, "nothing arrived")


def test_an_entrypoint_that_names_no_flow_is_refused() -> None:
    """The message names what was asked for."""
    from vidra.engine.worker.execution import load_flow

    with pytest.raises(EngineError, match=r"no flow at `flows\.nothing\.here`"):
        load_flow("flows.nothing.here")


@pytest.mark.usefixtures("connected")
def test_the_runs_log_lines_reach_the_server_and_not_the_terminal(capfd: pytest.CaptureFixture[str]) -> None:
    """A terminal belongs to the progress display; the lines are in the run's log."""
    outcome = _execute("doubled", number=3)

    assert "doubling" not in "".join(capfd.readouterr())
    assert any("doubling 3" in line for line in _log_lines(outcome))


def _state_name(outcome: FlowOutcome) -> str:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        run = client.read_flow_run(_run_id(outcome))
    return str(run.state_name)


def _log_lines(outcome: FlowOutcome) -> list[str]:
    from prefect.client.orchestration import get_client

    with get_client(sync_client=True) as client:
        answer = client.request(
            "POST", "/logs/filter", json={"logs": {"flow_run_id": {"any_": [outcome.flow_run_id]}}}
        )
    return [line["message"] for line in answer.json()]


def _run_id(outcome: FlowOutcome) -> Any:
    from uuid import UUID

    assert outcome.flow_run_id is not None
    return UUID(outcome.flow_run_id)

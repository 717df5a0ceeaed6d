"""Says in Vidra's words how a Prefect run ended. Imports Prefect."""

from __future__ import annotations

from typing import Any

from prefect.client.schemas.objects import State, StateType
from prefect.exceptions import MissingResult

from vidra.engine.interface import FlowOutcome, RunStatus
from vidra.errors import Cancelled, EngineError, VidraError
from vidra.redaction import redact


async def outcome_of(state: State[Any], flow_run_id: str) -> FlowOutcome:
    """Return the outcome of a final state; a state that is not final counts as crashed."""
    status, message = _status(state), redact(state.message or "")
    held = await _held(state)
    return FlowOutcome(
        status=status,
        state_name=state.name or status.value,
        message=message,
        flow_run_id=flow_run_id,
        result=None if isinstance(held, BaseException) else held,
        error=_error(status, held, message),
    )


def _status(state: State[Any]) -> RunStatus:
    match state.type:
        case StateType.COMPLETED:
            return RunStatus.COMPLETED
        case StateType.FAILED:
            return RunStatus.FAILED
        case StateType.CANCELLED | StateType.CANCELLING:
            return RunStatus.CANCELLED
        case _:
            return RunStatus.CRASHED


async def _held(state: State[Any]) -> object:
    try:
        return await state.aresult(raise_on_failure=False)
    except MissingResult:
        return None  # results are not persisted: a state that came over the wire holds none


def _error(status: RunStatus, held: object, message: str) -> VidraError | None:
    if status is RunStatus.COMPLETED:
        return None
    if isinstance(held, VidraError):
        return held
    if status is RunStatus.CANCELLED:
        return Cancelled(message or "cancelled")
    return EngineError(message or f"the run {status}")

"""Prefect's flow engine, with the patience to tell a server how a run ended that was away meanwhile.

Prefect's client gives up after a minute or two; then work that is done would be shown as crashed, or as
running for ever. Imports Prefect.
"""

from __future__ import annotations

import asyncio
import logging
import time
from typing import Any, Final

import httpx
from prefect import Flow
from prefect.client.schemas.objects import FlowRun, State
from prefect.flow_engine import AsyncFlowRunEngine

log = logging.getLogger(__name__)

PATIENCE: Final = 3600.0
"""Seconds a run whose work is done waits for the server to hear of it."""
PAUSE: Final = 2.0
"""Seconds between two tries; Prefect's client makes several in each."""


class PatientEngine(AsyncFlowRunEngine[Any, Any]):
    """Runs one flow run as Prefect does; only its last word waits for the server."""

    async def set_state(self, state: State[Any], force: bool = False) -> State[Any]:
        """Propose the state; that the work is done is proposed again until the server answers."""
        patient = state.is_completed() or state.is_failed()
        deadline = time.monotonic() + PATIENCE
        while True:
            try:
                return await super().set_state(state, force=force)
            except httpx.HTTPError as error:
                if not patient or _is_refused(error) or time.monotonic() > deadline:
                    raise
                log.info("the Prefect server does not hear that the run has ended, trying again: %s", error)
            await asyncio.sleep(PAUSE)


def _is_refused(error: httpx.HTTPError) -> bool:
    return isinstance(error, httpx.HTTPStatusError) and error.response.status_code < 500


async def run_patiently(flow: Flow[..., Any], run: FlowRun, parameters: dict[str, Any]) -> State[Any]:
    """Do what `prefect.flow_engine.run_flow_async` does and return the final state."""
    engine = PatientEngine(flow=flow, flow_run=run, parameters=parameters)
    async with engine.start():
        while engine.is_running():
            async with engine.run_context():
                await engine.call_flow_fn()  # type: ignore[unused-coroutine]  # typed for sync flows too
    return engine.state

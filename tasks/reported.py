"""Has the runs of a flow report to their dead man's switch, and failures told that nobody else tells."""

from __future__ import annotations

import asyncio
import functools
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias, TypeVar

from prefect.client.schemas.objects import State
from prefect.runtime import flow_run
from pydantic import BaseModel

from tasks.run_settings import run_settings
from vidra.engine.notices.flow_runs import FlowRunReport
from vidra.errors import JobConflict, VidraError

Request = TypeVar("Request", bound=BaseModel)
FlowFunction: TypeAlias = Callable[[Request], Awaitable[State[Any]]]


def reported(
    name: str, *, tells_failures: bool = False
) -> Callable[[FlowFunction[Request]], Callable[[Request], Awaitable[State[Any]]]]:
    """Return what wraps the function of the flow with this name, below `@flow`.

    Dry runs report nothing. With `tells_failures` the flow tells people itself why it returns a failed
    state; what it raises is told here in any case.
    """

    def wrap(function: FlowFunction[Request]) -> Callable[[Request], Awaitable[State[Any]]]:
        """Return the function that reports."""

        @functools.wraps(function)
        async def run(request: Request) -> State[Any]:
            if getattr(request, "dry_run", False):
                return await function(request)
            report = FlowRunReport(name, str(flow_run.get_id()), run_settings())
            report.begin()
            state = await _reporting_what_is_raised(function(request), report)
            if not state.is_failed():
                await report.succeed()
            elif tells_failures:
                await report.fail_silently()
            else:
                await report.fail(state.message or "no reason was given")
            return state

        # Prefect would look for the names of the annotations in this module.
        run.__signature__ = inspect.signature(function, eval_str=True)  # type: ignore[attr-defined]  # functions have it, typeshed does not say so
        return run

    return wrap


async def _reporting_what_is_raised(work: Awaitable[State[Any]], report: FlowRunReport) -> State[Any]:
    try:
        return await work
    except (asyncio.CancelledError, JobConflict):
        report.leave()
        raise
    except Exception as error:
        await report.fail(str(error) if isinstance(error, VidraError) else f"unexpected error: {error!r}")
        raise

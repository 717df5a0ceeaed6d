"""Has subscriptions worked on: by the running engine, or by this process where none runs."""

from __future__ import annotations

import asyncio
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from vidra.engine import runs
from vidra.engine.environment import applied
from vidra.engine.interface import RunStatus, StatusListener, ignore_status
from vidra.engine.lifecycle.running import engine_environment
from vidra.engine.subscriptions.deployments import ENTRYPOINT, FLOW
from vidra.errors import EngineError
from vidra.media.lists.request import ExpansionRequest
from vidra.settings import Settings
from vidra.state.subscriptions import RunNote, SubscriptionBook, open_book

POLL: Final = 0.1
"""Seconds between two looks at what the run has noted; a `stat` each."""
ASK: Final = 1.0
"""Seconds after which Prefect is asked about a run that has noted nothing: 20 ms of its server each time."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Expanded:
    """What became of a run."""

    flow_run_id: str
    message: str
    cancelled: bool
    notes: Mapping[str, RunNote | None]
    """The run's note of each subscription; None for one that it left alone. Empty for a dry run."""
    plans: Mapping[str, Mapping[str, Any]]
    """The plan of each subscription, for a dry run."""


def expand(
    request: ExpansionRequest,
    names: Sequence[str],
    *,
    settings: Settings,
    stop: threading.Event,
    on_status: StatusListener = ignore_status,
) -> Expanded:
    """Run the flow to its end and return what it noted for `names`, the subscriptions the request means.

    Setting `stop` cancels the run; what was begun is kept. Raises `EngineError` when the run did not get
    as far as noting anything.
    """
    parameters = {"request": request.model_dump(mode="json")}
    environment = engine_environment(settings)
    storage = settings.storage
    with open_book(storage.data_dir, lock_timeout=storage.lock_timeout) as book:
        if environment is not None:
            with applied(environment):
                run_id, message, cancelled = asyncio.run(
                    _through_engine(parameters, stop, lambda run_id: _is_noted(book, run_id, names))
                )
        else:
            run_id, message, cancelled = _privately(parameters, settings, stop, on_status)
        notes = {name: _note_of(book, run_id, name) for name in names}
        plans = {name: plan for name in names if (plan := book.plan(run_id, name)) is not None}
    return Expanded(
        flow_run_id=run_id, message=message, cancelled=cancelled, plans=plans,
        notes={} if request.dry_run else notes,
    )  # fmt: skip


def _note_of(book: SubscriptionBook, run_id: str, name: str) -> RunNote | None:
    """Return what the run has noted of the subscription, which is the last thing it does for it."""
    last = book.standing(name).last_run
    return last if last is not None and last.flow_run_id == run_id else None


def _is_noted(book: SubscriptionBook, run_id: str, names: Sequence[str]) -> bool:
    return all(_note_of(book, run_id, name) or book.plan(run_id, name) is not None for name in names)


async def _through_engine(
    parameters: Mapping[str, Any], stop: threading.Event, is_noted: Callable[[str], bool]
) -> tuple[str, str, bool]:
    run = await runs.trigger(f"{FLOW}/{FLOW}", parameters)
    asked, due = False, time.monotonic() + ASK
    while not run.final:
        if stop.is_set() and not asked:
            asked = True
            await runs.cancel(run.flow_run_id)
        await asyncio.sleep(POLL)
        if asked or time.monotonic() >= due or is_noted(run.flow_run_id):
            run, due = await runs.read(run.flow_run_id), time.monotonic() + ASK
    if run.state_type == "CRASHED":
        raise EngineError(run.message or "the run crashed; `vidra logs` may say why")
    return run.flow_run_id, run.message, run.state_type == "CANCELLED"


def _privately(
    parameters: Mapping[str, Any], settings: Settings, stop: threading.Event, on_status: StatusListener
) -> tuple[str, str, bool]:
    from vidra.engine.lifecycle.private import run_privately  # noqa: PLC0415 - where an engine runs it is not needed

    outcome = run_privately(
        ENTRYPOINT,
        parameters,
        settings=settings,
        on_status=on_status,
        stop=stop,
        tags=("vidra", "subscription"),
    )
    if outcome.flow_run_id is None and outcome.status is not RunStatus.CANCELLED:
        raise outcome.error or EngineError(f"the run ended {outcome.state_name}")
    message = str(outcome.error) if outcome.error else outcome.state_name
    return outcome.flow_run_id or "", message, outcome.status is RunStatus.CANCELLED

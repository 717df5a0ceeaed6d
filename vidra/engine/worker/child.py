"""What the process of one flow run does, from the fork to its exit code. Imports Prefect."""

from __future__ import annotations

import asyncio
import os
import signal
from concurrent.futures import TimeoutError as NotYet
from typing import Any, Final

from prefect.client.schemas.objects import FlowRun, State
from prefect.logging.loggers import flow_run_logger

from vidra.engine.environment import refresh_prefect
from vidra.engine.interface import Ending
from vidra.engine.worker.companion import fork_companion
from vidra.engine.worker.execution import execute_existing, hand_over, load_flow
from vidra.errors import EngineError
from vidra.redaction import redact

PARENT_POLL: Final = 1.0
"""Seconds between two looks whether the nursery is still there."""
COMPANIONED: Final = frozenset({"flows.playlist_expansion.playlist_expansion"})
"""Flows that have much work for other processes."""


class Signals:
    """What the process was told by signal: SIGUSR1 cancels, SIGTERM ends; the first counts."""

    def __init__(self) -> None:
        self._why: Ending | None = None
        signal.signal(signal.SIGUSR1, lambda *_: self.ask(Ending.CANCEL))
        signal.signal(signal.SIGTERM, lambda *_: self.ask(Ending.END))

    def ask(self, why: Ending) -> None:
        """Note why the run should end."""
        self._why = self._why or why

    def asked(self) -> Ending | None:
        """Return why the run should end, if it should."""
        return self._why


def run_task(task: dict[str, Any]) -> int:
    """Do what the worker ordered and return the exit code: 0 when Prefect knows how the run ended.

    `task` holds `entrypoint`, `flow_run` (Prefect's JSON), `env`, and `state` (Prefect's JSON) when only
    the hooks of that state are to be run.
    """
    signals = Signals()
    _apply(task["env"])
    run = FlowRun.model_validate(task["flow_run"])
    try:
        if task.get("state") is not None:
            asyncio.run(_run_hooks(task["entrypoint"], run, State.model_validate(task["state"])))
            return 0
        return _run(task["entrypoint"], run, signals)
    except EngineError as error:
        flow_run_logger(run).error("%s", redact(str(error)))
        asyncio.run(hand_over())
        return 1


def _run(entrypoint: str, run: FlowRun, signals: Signals) -> int:
    if entrypoint in COMPANIONED:
        fork_companion()  # before there are threads
    parent = os.getppid()
    running = execute_existing(load_flow(entrypoint), run, asked=signals.asked)
    while True:
        try:
            running.result(PARENT_POLL)
        except NotYet:
            if running.done():
                raise
            if os.getppid() != parent:
                signals.ask(Ending.END)
        else:
            return 0


async def _run_hooks(entrypoint: str, run: FlowRun, state: State[Any]) -> None:
    flow = load_flow(entrypoint)
    hooks = (
        flow.on_cancellation_hooks if state.is_cancelling() or state.is_cancelled() else flow.on_crashed_hooks
    )
    for hook in hooks:
        try:
            result = hook(flow, run, state)
            if asyncio.iscoroutine(result):
                await result
        except Exception:  # noqa: BLE001 - somebody's hook; the others still run, and the log says what happened
            flow_run_logger(run).exception("hook %s failed", getattr(hook, "__name__", hook))
    await hand_over()


def _apply(env: dict[str, str]) -> None:
    changed = {key: value for key, value in env.items() if os.environ.get(key) != value}
    os.environ.update(changed)
    if any(not key.startswith("PREFECT__") for key in changed):
        refresh_prefect()

"""The engine as job commands see it: ask for a run, ask a run to stop."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from vidra.engine import runs
from vidra.engine.jobs.commands import RunStarter
from vidra.errors import EngineError, EngineUnreachable


class PrefectStarter(RunStarter):
    """Starts and stops runs on the server that the environment names; see `lifecycle.running`."""

    async def trigger(self, flow: str, parameters: Mapping[str, Any], *, idempotency_key: str) -> str:
        """Ask for a run of the flow's deployment of the same name; return its id."""
        run = await runs.trigger(f"{flow}/{flow}", parameters, idempotency_key=idempotency_key)
        return run.flow_run_id

    async def cancel(self, run_id: str) -> None:
        """Ask the run to stop; harmless for one that is over or unknown."""
        try:
            await runs.cancel(run_id)
        except EngineUnreachable:
            raise
        except EngineError:
            return  # there is no such run any more: nothing is left to stop

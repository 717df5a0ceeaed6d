"""The engine as the shim asks it, over the Prefect server that the environment names."""

from __future__ import annotations

import logging
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, Final

from vidra.api.interface import FlowInfo, RunInfo, RunLog, RunNotFound, RunState
from vidra.clock import iso
from vidra.engine import observing
from vidra.engine.jobs.starter import PrefectStarter
from vidra.engine.runs import RunInfo as EngineRun
from vidra.errors import EngineError
from vidra.redaction import redact

CATALOGUE_S: Final = 30.0
"""Seconds for which the list of deployments is taken as known."""


class PrefectEngine(PrefectStarter):
    """See `vidra.api.interface.Engine`."""

    def __init__(self) -> None:
        self._known: Mapping[str, observing.DeployedFlow] = {}
        self._asked = float("-inf")

    async def ready(self) -> bool:
        """Whether the server answers."""
        try:
            await observing.deployed_flows()
        except EngineError:
            return False
        return True

    async def flows(self) -> Sequence[FlowInfo]:
        """Return the deployments."""
        known = await self._catalogue(fresh=True)
        return [
            FlowInfo(
                name=flow.name,
                description=flow.description,
                parameters=flow.parameters,
                schedules=flow.schedules,
                tags=flow.tags,
            )
            for flow in known.values()
        ]

    async def runs(
        self, *, flow: str | None = None, state: RunState | None = None, limit: int = 50, offset: int = 0
    ) -> Sequence[RunInfo]:
        """Return runs, newest first; none for a flow that is not deployed."""
        known = await self._catalogue()
        ids = [found.deployment_id for found in known.values() if found.name == flow]
        if flow is not None and not ids:
            return []
        listed = await observing.listed_runs(
            deployment_id=ids[0] if ids else None,
            state_type=None if state is None else state.value.upper(),
            limit=min(limit, 200),
            offset=offset,
        )
        return [_shown(run, known.get(deployment or "")) for run, deployment in listed]

    async def run(self, run_id: str) -> RunInfo:
        """Return one run; raise `RunNotFound`."""
        found = await observing.found_run(run_id)
        if found is None:
            raise RunNotFound(run_id)
        known = await self._catalogue()
        return _shown(found[0], known.get(found[1] or ""))

    async def run_logs(self, run_id: str, *, limit: int = 200, offset: int = 0) -> Sequence[RunLog]:
        """Return log lines, oldest first; raise `RunNotFound`."""
        await self.run(run_id)
        lines = await observing.log_page(run_id, limit=limit, offset=offset)
        return [
            RunLog(
                timestamp=iso(moment),
                level=logging.getLevelName(level).lower(),
                message=redact(message),
            )
            for moment, level, message in lines
        ]

    async def _catalogue(self, *, fresh: bool = False) -> Mapping[str, observing.DeployedFlow]:
        """Return the deployments by id, asked for anew now and then."""
        if fresh or time.monotonic() - self._asked > CATALOGUE_S:
            self._known = {flow.deployment_id: flow for flow in await observing.deployed_flows()}
            self._asked = time.monotonic()
        return self._known


def _shown(run: EngineRun, flow: observing.DeployedFlow | None) -> RunInfo:
    return RunInfo(
        run_id=run.flow_run_id,
        flow=flow.name if flow else "",
        name=run.name,
        state=RunState(run.state_type.lower()),
        message=redact(run.message),
        job_id=_job_id(run.parameters),
        created_at=_iso(run.expected_start),
        started_at=_iso(run.started),
        finished_at=_iso(run.ended),
        tags=run.tags,
    )


def _job_id(parameters: Mapping[str, Any]) -> str | None:
    request = parameters.get("request")
    job_id = request.get("job_id") if isinstance(request, Mapping) else None
    return job_id if isinstance(job_id, str) else None


def _iso(moment: datetime | None) -> str | None:
    return None if moment is None else iso(moment)

"""Flow runs in Prefect's books that no process works on."""

from __future__ import annotations

import asyncio

from vidra.engine import runs
from vidra.engine.runs import RunInfo


def run_in_state(*names: str) -> RunInfo:
    """Make a flow run that goes through these states, `Pending` first."""

    async def make() -> RunInfo:
        from prefect import states

        from tests.engine.sample_flows import doubled

        async with runs.connected_client() as client:
            run = await client.create_flow_run(doubled, parameters={"number": 1}, state=states.Pending())
            for name in names:
                await client.set_flow_run_state(run.id, getattr(states, name)(), force=True)
            return await runs.read(str(run.id))

    return asyncio.run(make())

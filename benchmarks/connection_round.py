"""One round over 200 sources, as the process of a run does it; started by `benchmarks.connections`.

It imports nothing but what such a process has in memory. Reads the address that answers and those that
never do from its input, and prints seconds and peak MiB.
"""

from __future__ import annotations

import asyncio
import resource
import sys
import time
from tempfile import TemporaryDirectory

from pydantic import SecretStr

import flows.connection_scoring  # noqa: F401 - what a run's process has in memory
from vidra.clock import SYSTEM_CLOCK, iso
from vidra.connections import Candidate, Standing
from vidra.credentials import MemoryCredentials
from vidra.engine.sources.access import open_sources
from vidra.engine.sources.checks import check_sources
from vidra.settings import Settings
from vidra.state import State, open_configured_state
from vidra.state.source_interface import Source, SourceKind

SOURCES, ADDRESSES, PROBE_LIMIT = 200, 4, 3.0
TOKEN = "token-of-server"  # noqa: S105 - the fake's


async def check_all(alive: str, silent: list[str]) -> tuple[float, float]:
    """Do a warm round of everything: read the store, probe, try credentials, judge, store; return seconds.

    Returns also the peak memory in MiB, Prefect and the flow's modules included: it is the process of a run.
    """
    with TemporaryDirectory() as folder:
        settings = Settings.model_validate(
            {
                "storage": {"data_dir": folder},
                "connections": {"probe_timeout": PROBE_LIMIT, "parallel_probes": SOURCES * ADDRESSES},
            }
        )
        credentials = MemoryCredentials()
        with open_configured_state(settings.storage) as state:
            for number in range(SOURCES):
                _add_source(state, credentials, number, [alive, *silent])
            async with open_sources(settings, state.sources, credentials=credentials) as room:
                await check_sources(room)  # the first round pays for imports, and chooses the primaries
                began = time.perf_counter()
                checked = await check_sources(room)
                took = time.perf_counter() - began
    assert len(checked) == SOURCES
    assert all(one.standing.primary == alive for one in checked)
    assert all(one.after.auth_status == "authenticated" for one in checked)
    return took, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def _add_source(state: State, credentials: MemoryCredentials, number: int, uris: list[str]) -> None:
    at, source_id = iso(SYSTEM_CLOCK.now()), f"source-{number}"
    own = (uris[0], *uris[1 + number * (ADDRESSES - 1) :][: ADDRESSES - 1])
    standing = Standing(candidates=tuple(Candidate(uri=uri) for uri in own)).model_dump(mode="json")
    source = Source(
        source_id=source_id,
        name=source_id,
        type=SourceKind.PLEX,
        machine_id="machine-1",
        standing=standing,
        created_at=at,
        updated_at=at,
    )
    state.sources.add(source)
    credentials.save(f"source:{source_id}", "token", SecretStr(TOKEN))


def main() -> None:
    """Measure one warm round."""
    alive, *silent = sys.stdin.read().split()
    print(*asyncio.run(check_all(alive, silent)))


if __name__ == "__main__":
    main()

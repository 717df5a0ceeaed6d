"""The processes of a running Vidra, declared the way users declare their own back ends."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from vidra.engine.lifecycle.gate import gated_command
from vidra.engine.lifecycle.server import server_command
from vidra.engine.worker.work import worker_command
from vidra.settings import Settings
from vidra.supervisor.interface import BackendSpec, HealthSpec, PortHandover, PortSpec, Timings

SERVER: Final = "prefect-server"
WORKER: Final = "worker"
SHIM: Final = "shim"

FIRST_PORT: Final = 4200
"""Prefect's own port; the next free one is taken if somebody has it."""
LAST_PORT: Final = 4299
WORKER_GRACE: Final = 32.0
"""Seconds a worker gets for the end of its runs: 20 to finish, 10 to stop in order, and a little more; see
`DRAIN` in `vidra.engine.worker.worker`."""
STARTUP_LIMIT: Final = 120.0
"""Seconds a part may take to come up: the first start prepares a database, a minute on a small machine."""

_KEEP_ALIVE: Final = Timings(
    startup_poll=0.1, steady_poll=10.0, startup_limit=STARTUP_LIMIT, restart_delay=1.0, crash_limit=5
)
"""Our own parts: noticed sooner than the specification's defaults; migrations may take a minute."""


def server_part(environment: Mapping[str, str], *, port: int | None = None) -> BackendSpec:
    """Return the embedded Prefect server. A restart keeps its port, as clients know it."""
    return BackendSpec(
        name=SERVER,
        command=tuple(server_command(port="{port}", supervised=True)),
        env=environment,
        isolated=False,
        port=PortSpec(fixed=port, first=FIRST_PORT, last=LAST_PORT, handover=PortHandover.RELEASE),
        health=HealthSpec(url="/api/health"),
        ends_with_supervisor=True,
        forgiven_at_start=True,
        timings=_KEEP_ALIVE,
    )


def worker_part(environment: Mapping[str, str], settings: Settings) -> BackendSpec:
    """Return the worker; `environment` names its server."""
    engine = settings.engine
    return BackendSpec(
        name=WORKER,
        command=tuple(worker_command(pool=engine.pool, limit=engine.worker_limit)),
        env=environment,
        isolated=False,
        ends_with_supervisor=True,
        forgiven_at_start=True,
        timings=Timings(leader_grace=WORKER_GRACE, restart_delay=1.0, crash_limit=5),
    )


def shim_part(environment: Mapping[str, str], settings: Settings) -> BackendSpec:
    """Return the HTTP shim on its configured port. Asked to stop by a client, it takes the engine with it."""
    server = settings.server
    return BackendSpec(
        name=SHIM,
        command=tuple(gated_command("vidra.api.serve", "--supervised")),
        env=environment,
        isolated=False,
        port=PortSpec(fixed=server.port, host=server.host, argument=(), handover=PortHandover.RELEASE),
        health=HealthSpec(url="/", expect={"service": server.name}),
        shutdown_path="/api/shutdown",
        final_exits=frozenset({0}),
        ends_with_supervisor=True,
        forgiven_at_start=True,
        timings=_KEEP_ALIVE,
    )

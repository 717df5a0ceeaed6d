"""`vidra worker`: a worker by itself, for a server on this machine or another."""

from __future__ import annotations

import asyncio
import os
from typing import Annotated

import typer

from vidra.cli.invocation import Invocation
from vidra.errors import EngineUnreachable

app = typer.Typer()


@app.command("worker")
def worker(
    ctx: typer.Context,
    *,
    pool: Annotated[
        str | None, typer.Option("--pool", metavar="NAME", help="Work pool; `engine.pool` otherwise.")
    ] = None,
    limit: Annotated[
        int | None,
        typer.Option("--limit", min=1, help="Runs at the same time; `engine.worker_limit` otherwise."),
    ] = None,
    name: Annotated[str | None, typer.Option("--name", help="Name the Prefect UI shows.")] = None,
) -> None:
    """Take runs from the work pool until Ctrl-C or SIGTERM; runs under way may finish then.

    The server is the one of `engine.api_url` (PREFECT_API_URL), else the one `vidra up` runs here.
    """
    from vidra.engine.environment import applied  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.running import engine_environment  # noqa: PLC0415 - the same
    from vidra.engine.worker.work import work  # noqa: PLC0415 - the same

    invocation = Invocation.of(ctx)
    settings = invocation.settings()
    environment = engine_environment(settings)
    if environment is None:
        raise EngineUnreachable("no engine runs here: start `vidra up`, or set PREFECT_API_URL")
    os.environ.update(invocation.environment())
    with applied(environment):
        asyncio.run(
            work(pool=pool or settings.engine.pool, limit=limit or settings.engine.worker_limit, name=name)
        )

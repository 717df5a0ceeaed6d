"""`vidra deploy`: show and apply the difference between what is declared and what the server has."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli.invocation import Invocation
from vidra.errors import EngineUnreachable

if TYPE_CHECKING:
    from vidra.engine.deployments.applying import Change
    from vidra.engine.politeness.limits import LimitChange
    from vidra.settings import Settings

app = typer.Typer()


@app.command("deploy")
def deploy(
    ctx: typer.Context,
    *,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show the difference; change nothing.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")] = False,
) -> None:
    """Create what is missing and update what differs; what a person paused in the UI stays paused."""
    from vidra.engine.environment import applied  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.running import engine_environment  # noqa: PLC0415 - the same

    settings = Invocation.of(ctx).settings()
    environment = engine_environment(settings)
    if environment is None:
        raise EngineUnreachable("no engine runs here: start `vidra up`, or set PREFECT_API_URL")
    with applied(environment):
        changes, limits = asyncio.run(_apply(settings, dry_run=dry_run))
    if as_json:
        shown = [
            *({"deployment": change.deployment, **_as_json(change)} for change in changes),
            *({"limit": change.name, **_as_json(change)} for change in limits),
        ]
        typer.echo(json.dumps(shown, indent=2))
        return
    for change in changes:
        _tell(change.deployment, change)
    for limit in limits:
        _tell(f"limit {limit.name}", limit)


async def _apply(settings: Settings, *, dry_run: bool) -> tuple[Sequence[Change], Sequence[LimitChange]]:
    from vidra.engine.deployments.applying import apply_deployments  # noqa: PLC0415 - the same
    from vidra.engine.deployments.declared import declared_deployments  # noqa: PLC0415 - as above
    from vidra.engine.politeness.limits import apply_declared_limits  # noqa: PLC0415 - the same

    changes = await apply_deployments(declared_deployments(settings), dry_run=dry_run)
    return changes, await apply_declared_limits(settings.limits, dry_run=dry_run)


def _tell(name: str, change: Change | LimitChange) -> None:
    typer.echo(f"{change.kind.value:<8}{name}")
    for difference in change.differences:
        typer.echo(f"        {difference}")


def _as_json(change: Change | LimitChange) -> dict[str, object]:
    return {"change": change.kind.value, "differences": list(change.differences)}

"""`vidra status`: what is running, and where."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any

import httpx
import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation

if TYPE_CHECKING:
    from vidra.settings import Settings

app = typer.Typer()


@app.command("status")
def status(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object instead.")] = False,
) -> None:
    """Say whether the engine runs, where its parts are, and whether they answer.

    Exit codes: 0 all well, 1 not running or a part does not answer.
    """
    facts = _facts(Invocation.of(ctx).settings())
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        sites = facts.pop("paused_sites")
        for name, value in facts.items():
            typer.echo(f"{name:<14}{'yes' if value is True else 'no' if value is False else value}")
        for site in sites:
            typer.echo(f"{'left alone':<14}{site['site']} until {site['until']}: {site['reason']}")
    raise typer.Exit(ExitCode.OK if facts["running"] and facts.get("answers") else ExitCode.FAILED)


def _facts(settings: Settings) -> dict[str, Any]:
    from vidra.engine.politeness.breakers import paused_sites  # noqa: PLC0415 - 0.2 s

    sites = [asdict(site) for site in paused_sites(settings)]
    return {**_engine_facts(settings), "paused_sites": sites}


def _engine_facts(settings: Settings) -> dict[str, Any]:
    from vidra.engine.lifecycle.running import find_engine  # noqa: PLC0415 - 0.2 s
    from vidra.engine.lifecycle.startup_status import read_status  # noqa: PLC0415 - the same

    engine = find_engine(settings)
    phase = read_status(settings.status_file).get("status")
    if engine is None:
        return {"running": False, "phase": phase, "data": str(settings.storage.data_dir)}
    return {
        "running": True,
        "answers": _answers(engine.api_url),
        "phase": phase,
        "pid": engine.pid,
        "since": engine.facts.get("since"),
        "prefect": (engine.api_url or "").removesuffix("/api"),
        "api": engine.facts.get("shim_url") or "",
        "data": str(settings.storage.data_dir),
        "log": engine.facts.get("log"),
    }


def _answers(api_url: str | None) -> bool:
    if api_url is None:
        return False
    try:
        return httpx.get(f"{api_url}/health", timeout=2.0).is_success
    except httpx.HTTPError:
        return False

"""`vidra flow run` for the flows that work on what is configured, not on an address."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Annotated, Any

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.flow_request import run_flow
from vidra.cli.invocation import Invocation

DryRun = Annotated[
    bool, typer.Option("--dry-run", "-n", help="Only look: store nothing, change nothing, tell nobody.")
]
Detach = Annotated[bool, typer.Option("--detach", "-d", help="Leave it to the running engine; do not wait.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead.")]
Sources = Annotated[list[str] | None, typer.Argument(metavar="SOURCE", help="Ids of sources; all otherwise.")]


def playlist_expansion(
    ctx: typer.Context,
    subscriptions: Annotated[
        list[str] | None,
        typer.Argument(metavar="SUBSCRIPTION", help="Names of subscriptions; all active ones otherwise."),
    ] = None,
    *,
    yes: Annotated[
        bool, typer.Option("--yes", help="Go on although nearly everything would be fetched again.")
    ] = False,
    dry_run: DryRun = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Look what is new in the lists of subscriptions, and download it, oldest first."""
    request = {"subscriptions": subscriptions or [], "yes": yes, "dry_run": dry_run}
    _run(ctx, "playlist-expansion", request, detach=detach, as_json=as_json)


def library_sync(
    ctx: typer.Context,
    sources: Sources = None,
    *,
    full: Annotated[
        bool, typer.Option("--full", help="List everything again, not just what changed.")
    ] = False,
    dry_run: DryRun = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """List what media servers have, remember it here, and tell them what was watched."""
    request = {"sources": sources or None, "full": full, "dry_run": dry_run}
    _run(ctx, "library-sync", request, detach=detach, as_json=as_json)


def connection_scoring(
    ctx: typer.Context,
    sources: Sources = None,
    *,
    dry_run: DryRun = False,
    detach: Detach = False,
    as_json: Json = False,
) -> None:
    """Probe every address of every media server, and keep the best one of each in use."""
    request = {"sources": sources or None, "dry_run": dry_run}
    _run(ctx, "connection-scoring", request, detach=detach, as_json=as_json)


def backend_watchdog(
    ctx: typer.Context, *, dry_run: DryRun = False, detach: Detach = False, as_json: Json = False
) -> None:
    """Probe every declared back end, act on what is found, and tell what has changed."""
    _run(ctx, "backend-watchdog", {"dry_run": dry_run}, detach=detach, as_json=as_json)


def library_refresh(ctx: typer.Context, *, detach: Detach = False, as_json: Json = False) -> None:
    """Make media servers look for files that were downloaded, and see that they list them."""
    _run(ctx, "library-refresh", {}, detach=detach, as_json=as_json)


def add_to(app: typer.Typer) -> None:
    """Hang the commands below `vidra flow run`, each by the name of its flow."""
    for command in (playlist_expansion, library_sync, connection_scoring, backend_watchdog, library_refresh):
        app.command(command.__name__.replace("_", "-"))(command)


def _run(ctx: typer.Context, flow: str, request: Mapping[str, Any], *, detach: bool, as_json: bool) -> None:
    code, words = run_flow(Invocation.of(ctx), flow, request, detach=detach)
    if as_json:
        typer.echo(json.dumps({"flow": flow, "exit_code": int(code), "message": words}))
    else:
        typer.echo(words, err=code != ExitCode.OK)
    raise typer.Exit(code)

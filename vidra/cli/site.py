"""`vidra site`: sites that refused and are left alone for a while."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation

app = typer.Typer(
    name="site",
    help="See which sites are left alone after refusals, and have one asked again.",
    no_args_is_help=True,
)


@app.command("ls")
def ls(
    ctx: typer.Context,
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")] = False,
) -> None:
    """List the sites that are left alone, until when, and what they said."""
    from vidra.engine.politeness.breakers import paused_sites  # noqa: PLC0415 - `vidra --help` must stay fast

    sites = paused_sites(Invocation.of(ctx).settings())
    if as_json:
        typer.echo(json.dumps([asdict(site) for site in sites], indent=2))
        return
    for site in sites:
        doing = "is tried, until" if site.phase == "half_open" else "until"
        typer.echo(f"{site.site:<24}{doing} {site.until}  {site.reason}")


@app.command("resume")
def resume(
    ctx: typer.Context,
    site: Annotated[str, typer.Argument(help="Name of the site as `vidra site ls` shows it.")],
) -> None:
    """Ask the site again from now on; jobs that were put off go on.

    Exit codes: 0 it is asked again, 1 it was not left alone.
    """
    from vidra.engine.politeness.breakers import resume_site  # noqa: PLC0415 - as above

    if resume_site(Invocation.of(ctx).settings(), site.lower()):
        typer.echo(f"{site} is asked again")
        return
    typer.echo(f"{site} was not left alone; `vidra site ls` lists those that are", err=True)
    raise typer.Exit(ExitCode.FAILED)

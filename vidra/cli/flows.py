"""`vidra flow`: list the flows and run one; what becomes of runs is in `flow_runs`."""

from __future__ import annotations

import json
import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from vidra.cli import flow_others, flow_runs
from vidra.cli.catalogue import read_catalogue
from vidra.cli.columns import columns, output_width
from vidra.cli.completion import complete_preset
from vidra.cli.displays import open_display_for
from vidra.cli.invocation import Invocation
from vidra.cli.options import Choice, parse_options
from vidra.cli.progress import Renderer
from vidra.errors import UsageError


class FlowGroup(TyperGroup):
    """`vidra flow run`: its commands are flows, and a wrong name is answered with the right ones."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:  # noqa: ANN401 - click's signature; its Context class is not exported
        """Find the flow's command; raises `UsageError` naming the closest flows."""
        if (
            args
            and not args[0].startswith("-")
            and args[0] not in self.commands
            and not ctx.resilient_parsing
        ):
            raise UsageError(_unknown_flow(args[0], list(self.commands)))
        return super().resolve_command(ctx, args)


def _unknown_flow(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known)
    meant = f"; did you mean {' or '.join(f'`{match}`' for match in close)}?" if close else ""
    return f"no flow `{name}`{meant}\n`vidra flow ls` lists those there are."


app = typer.Typer(name="flow", help="Run flows, list them, and look after their runs.", no_args_is_help=True)
run_app = typer.Typer(
    name="run", cls=FlowGroup, help="Run a flow now and show its progress.", no_args_is_help=True
)
app.add_typer(run_app)
app.add_typer(flow_runs.app)


@app.command("ls")
def list_flows(
    *, as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")] = False
) -> None:
    """List the flows: name, schedule, what it does."""
    cards = read_catalogue()
    if as_json:
        typer.echo(json.dumps([card.as_json() for card in cards], indent=2))
        return
    rows = [(card.name, ", ".join(card.schedules) or "on demand", card.description) for card in cards]
    for line in columns(("NAME", "SCHEDULE", "DESCRIPTION"), rows, width=output_width()):
        typer.echo(line)


@run_app.command("download-job")
def download_job(
    ctx: typer.Context,
    urls: Annotated[list[str], typer.Argument(metavar="URL", help="Addresses of media, pages or lists.")],
    *,
    preset: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            autocompletion=complete_preset,
            help="Preset of options; the configuration's `downloads.preset` otherwise.",
        ),
    ] = None,
    media_format: Annotated[
        str | None,
        typer.Option("--format", "-f", metavar="SELECTION", help="yt-dlp format selection: `bv*+ba/b`."),
    ] = None,
    output: Annotated[
        str | None,
        typer.Option(
            "--output",
            "-o",
            metavar="TEMPLATE",
            help="Where it goes, below the library: `%(title)s.%(ext)s`.",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", "-O", metavar="KEY=VALUE", help="A further download option; may be given many times."
        ),
    ] = None,
    config: Annotated[
        Path | None, typer.Option("--config", metavar="PATH", help="Configuration file to use.")
    ] = None,
    ask: Annotated[
        bool, typer.Option("--ask", help="Let me choose from a list, now or with `vidra job select`.")
    ] = False,
    select: Annotated[
        str | None,
        typer.Option("--select", metavar="PLACES", help="Only these places of a list: `1-3,7`, or `all`."),
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="List what would be downloaded; download nothing.")
    ] = False,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print one JSON object a line, see docs/cli.md.")
    ] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print nothing but failures.")] = False,
    detach: Annotated[
        bool, typer.Option("--detach", "-d", help="Leave it to the running engine; do not wait.")
    ] = False,
) -> None:
    """Download what the URLs name, verify it and put it into the library.

    Ctrl-C stops cleanly and keeps what is there; the same command picks it up again.
    Exit codes: 0 all there, 1 failed, 2 nothing started, 3 some entries failed, 130 interrupted.
    """
    parameters: dict[str, object] = {
        "urls": urls,
        "preset": preset,
        "format": media_format,
        "output": output,
        "options": parse_options(option or ()),
        "dry_run": dry_run,
    }
    invocation = Invocation.of(ctx).overriding(config=config, quiet=quiet)
    if ask and select is not None:
        raise UsageError("--ask and --select exclude each other: what is selected needs no question")
    choice = Choice(asks=ask, places=select)
    raise typer.Exit(
        _run(
            parameters,
            invocation,
            choice,
            as_json=as_json,
            dry_run=dry_run,
            detach=detach,
        )
    )


flow_others.add_to(run_app)


def _run(
    parameters: dict[str, object],
    invocation: Invocation,
    choice: Choice,
    *,
    as_json: bool,
    dry_run: bool,
    detach: bool,
) -> int:
    """Run the flow in the display that fits."""
    from vidra.cli.choosing import execute_chosen, is_interactive  # noqa: PLC0415 - settings and engine are 0.4 s to import
    from vidra.cli.execution import execute  # noqa: PLC0415 - the same

    def open_display() -> Renderer:
        """Open the display."""
        return open_display_for(invocation, as_json=as_json, dry_run=dry_run)

    os.environ.update(invocation.environment())  # the flow loads its settings by itself, wherever it runs
    settings = invocation.settings()
    if not choice.asks and choice.places is None:
        return execute("download-job", parameters, settings=settings, renderer=open_display(), detach=detach)
    return execute_chosen(
        parameters,
        choice,
        settings=settings,
        open_display=open_display,
        interactive=is_interactive() and not as_json,
        detach=detach,
    )

"""The `vidra` command itself: its global options."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from vidra import __version__
from vidra.cli.completion import Shell, install_completion, show_completion
from vidra.cli.failures import PROGRAM
from vidra.cli.groups import RootGroup
from vidra.cli.invocation import Invocation, Verbosity
from vidra.cli.log_lines import configure_logging

app = typer.Typer(
    name=PROGRAM,
    cls=RootGroup,
    help="Declarative, cron-driven media automation: YAML says what should be there, flows make it so.",
    no_args_is_help=True,
    add_completion=False,  # ours name the shell, see vidra.cli.completion
    rich_markup_mode=None,  # the boxes cost 0.1 s and break in narrow terminals
    pretty_exceptions_enable=False,  # vidra.cli.failures reports them
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
)


def _show_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__}")
        raise typer.Exit


@app.callback()
def root(
    ctx: typer.Context,
    *,
    config: Annotated[
        Path | None,
        typer.Option(
            "--config", "-c", metavar="PATH", envvar="VIDRA_CONFIG", help="Configuration file to use."
        ),
    ] = None,
    data_dir: Annotated[
        Path | None,
        typer.Option("--data-dir", metavar="PATH", help="Folder of the state files, instead of the one set."),
    ] = None,
    verbose: Annotated[
        int,
        typer.Option(
            "--verbose",
            "-v",
            count=True,
            max=2,
            clamp=True,
            show_default=False,
            help="Tell more; twice for everything.",
        ),
    ] = 0,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Tell nothing but errors.")] = False,
    debug: Annotated[
        bool, typer.Option("--debug", envvar="VIDRA_DEBUG", help="Show the traceback of unexpected errors.")
    ] = False,
    version: Annotated[  # noqa: ARG001 - its callback does the work
        bool,
        typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version and leave."),
    ] = False,
    install: Annotated[  # noqa: ARG001 - its callback does the work
        Shell | None,
        typer.Option(
            "--install-completion",
            metavar="SHELL",
            callback=install_completion,
            is_eager=True,
            help="Set up completion for bash, zsh, fish or powershell, and leave.",
        ),
    ] = None,
    show: Annotated[  # noqa: ARG001 - its callback does the work
        Shell | None,
        typer.Option(
            "--show-completion",
            metavar="SHELL",
            callback=show_completion,
            is_eager=True,
            help="Print the completion script for that shell, and leave.",
        ),
    ] = None,
) -> None:
    """Remember the global options for the command that follows."""
    verbosity = Verbosity.QUIET if quiet else Verbosity(verbose)
    ctx.obj = Invocation(config=config, data_dir=data_dir, verbosity=verbosity, debug=debug)
    configure_logging(verbosity, debug=debug)

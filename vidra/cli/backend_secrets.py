"""`vidra backend secret`: what `{secret:NAME}` in a declared back end means."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vidra.cli.invocation import Invocation
from vidra.errors import UsageError


def store_secret(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the settings call `{secret:NAME}`.")],
    *,
    file: Annotated[
        Path | None,
        typer.Option("--secret-file", metavar="FILE", help="Read it from a file; `-` is input."),
    ] = None,
    variable: Annotated[
        str | None, typer.Option("--secret-env", metavar="NAME", help="Read it from this variable.")
    ] = None,
) -> None:
    """Store what a back end's environment or health headers refer to, in the keyring or the encrypted file.

    Asks for it at a terminal. A back end gets it with its next start.
    """
    from vidra.cli.source_access import read_secret  # noqa: PLC0415 - `vidra --help` must stay fast
    from vidra.engine.backends.secret_values import save_secret  # noqa: PLC0415 - the same

    if file is None and variable is None and not sys.stdin.isatty():
        file = Path("-")
    value = read_secret(f"value of {name}", file=file, variable=variable)
    try:
        place = save_secret(name, value, Invocation.of(ctx).settings())
    except ValueError as error:
        raise UsageError(str(error)) from error
    typer.echo(f"{{secret:{name}}} is stored ({place})")

"""`vidra backend secret`: what `{secret:NAME}` in a declared back end means."""

from __future__ import annotations

from typing import Annotated

import typer

from vidra.cli.invocation import Invocation
from vidra.cli.secret_input import SecretEnv, SecretFile, store_named


def store_secret(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the settings call `{secret:NAME}`.")],
    *,
    file: SecretFile = None,
    variable: SecretEnv = None,
) -> None:
    """Store what a back end's environment or health headers refer to, in the keyring or the encrypted file.

    Asks for it at a terminal. A back end gets it with its next start.
    """
    from vidra.engine.backends.secret_values import save_secret  # noqa: PLC0415 - `vidra --help` must stay fast

    place = store_named(name, Invocation.of(ctx).settings(), save_secret, file=file, variable=variable)
    typer.echo(f"{{secret:{name}}} is stored ({place})")

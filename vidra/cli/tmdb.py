"""`vidra library tmdb`: the key with which gaps are filled from The Movie Database."""

from __future__ import annotations

import asyncio

import typer

from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.secret_input import SecretEnv, SecretFile, read_secret

app = typer.Typer(name="tmdb", help="Give or forget the key of The Movie Database.", no_args_is_help=True)


@app.command("login")
def login(
    ctx: typer.Context,
    *,
    file: SecretFile = None,
    variable: SecretEnv = None,
) -> None:
    """Try a key (the short "API key" or the long "read access token") and keep it among the secrets."""
    from pydantic import SecretStr  # noqa: PLC0415 - `vidra --help` must stay fast

    from vidra.engine.library.tmdb_key import check_key, save_key  # noqa: PLC0415 - the same

    settings = Invocation.of(ctx).settings()
    key = SecretStr(read_secret("key of The Movie Database", file=file, variable=variable).strip())
    asyncio.run(check_key(settings, key))
    typer.echo(f"the key works; kept in the {save_key(settings, key)}")
    if not settings.tmdb.active:
        typer.echo("It is used once `tmdb.active` is true.", err=True)


@app.command("logout")
def logout(ctx: typer.Context) -> None:
    """Forget the key."""
    from vidra.engine.library.tmdb_key import forget_key  # noqa: PLC0415 - the same

    if not forget_key(Invocation.of(ctx).settings()):
        typer.echo("there is no key", err=True)
        raise typer.Exit(ExitCode.FAILED)
    typer.echo("the key is forgotten")

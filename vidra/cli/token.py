"""`vidra token`: the token that clients of the server show."""

from __future__ import annotations

import typer

from vidra.cli.invocation import Invocation

app = typer.Typer(name="token", help="Show or replace the server's token.", no_args_is_help=True)


@app.command("show")
def show(ctx: typer.Context) -> None:
    """Print the token; it is made if there is none yet."""
    from vidra.engine.lifecycle.token_rotation import server_token  # noqa: PLC0415 - `vidra --help` must stay fast

    typer.echo(server_token(Invocation.of(ctx).settings()))


@app.command("rotate")
def rotate(ctx: typer.Context) -> None:
    """Replace the token and print the new one; the old one stops counting at once, without a restart."""
    from vidra.engine.lifecycle.token_rotation import rotate_token  # noqa: PLC0415 - as above

    typer.echo(rotate_token(Invocation.of(ctx).settings()))

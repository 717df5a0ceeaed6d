"""`vidra source`: media servers and folders, who is signed in there, and how they are reached."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli import source_sign_in
from vidra.cli.exit_codes import ExitCode
from vidra.cli.invocation import Invocation
from vidra.cli.source_access import found_source, print_page, tell_engine, with_sources
from vidra.errors import UsageError

if TYPE_CHECKING:
    from vidra.engine.sources.access import SourceRoom
    from vidra.engine.sources.checks import Checked

app = typer.Typer(
    name="source",
    help="Add media servers and folders, sign in, and see how they are reached.",
    no_args_is_help=True,
)
app.add_typer(source_sign_in.app)

SourceId = Annotated[str, typer.Argument(metavar="SOURCE", help="Id or name of the source.")]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]


@app.command("ls")
def list_sources(ctx: typer.Context, *, as_json: Json = False) -> None:
    """List the sources: who is signed in, and how each is reached now."""
    from vidra.cli.columns import columns, output_width  # noqa: PLC0415 - the same
    from vidra.cli.source_pages import HEADER, source_row  # noqa: PLC0415 - the same

    async def pages(room: SourceRoom) -> list[dict[str, object]]:
        """Read what is known of each source."""
        from vidra.engine.sources.view import source_json  # noqa: PLC0415 - the same

        return [source_json(one, now=room.clock.now()) for one in room.store.list()]

    found = with_sources(Invocation.of(ctx).settings(), pages)
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(columns(HEADER, [source_row(page) for page in found], width=output_width())))


@app.command("show")
def show_source(ctx: typer.Context, source: SourceId, *, as_json: Json = False) -> None:
    """Show one source: its server, the score of every address, and what happened lately."""

    async def show(room: SourceRoom) -> None:
        """Print what is known of the source."""
        print_page(room, found_source(room, source), as_json=as_json)

    with_sources(Invocation.of(ctx).settings(), show)


@app.command("test")
def check_now(
    ctx: typer.Context,
    sources: Annotated[
        list[str] | None, typer.Argument(metavar="SOURCE", help="Ids or names; none: all.")
    ] = None,
    *,
    as_json: Json = False,
) -> None:
    """Ask every address of the sources now, try the credentials, and keep what was found."""

    async def test(room: SourceRoom) -> int:
        """Check the sources and print how they fare."""
        from vidra.engine.sources.checks import check_sources  # noqa: PLC0415 - the same

        wanted = None if not sources else [found_source(room, one).source_id for one in sources]
        checked = await check_sources(room, wanted)
        if as_json:
            pages = [_check_json(room, one) for one in checked]
            typer.echo(json.dumps(pages, indent=2, ensure_ascii=False))
        else:
            for one in checked:
                print_page(room, one.after, as_json=False, events=False)
                if one.problem:
                    typer.echo(f"{'Problem':<12}{one.problem}")
                typer.echo("")
        return ExitCode.OK if all(_sound(room, one) for one in checked) else ExitCode.FAILED

    raise typer.Exit(with_sources(Invocation.of(ctx).settings(), test))


@app.command("rm")
def remove_sources(
    ctx: typer.Context,
    sources: Annotated[list[str], typer.Argument(metavar="SOURCE", help="Ids or names of the sources.")],
    *,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Forget sources and their sign-ins. Nothing is changed on the servers."""
    settings = Invocation.of(ctx).settings()

    async def remove(room: SourceRoom) -> None:
        """Remove the sources, once that is confirmed."""
        from vidra.engine.sources.sign_in import remove_source  # noqa: PLC0415 - the same

        found = [found_source(room, one) for one in dict.fromkeys(sources)]
        if not yes and not _confirmed([one.source_id for one in found]):
            raise typer.Exit(ExitCode.FAILED)
        for one in found:
            secrets = await remove_source(room, one)
            typer.echo(f"forgot source {one.source_id} and {secrets} secret(s)")

    with_sources(settings, remove)
    tell_engine(settings)


@app.command("pin")
def pin_connection(
    ctx: typer.Context,
    source: SourceId,
    address: Annotated[
        str | None, typer.Argument(metavar="URL", help="The address; none: leave the choice to Vidra again.")
    ] = None,
) -> None:
    """Keep to this address while it answers; the server need not have announced it."""

    async def pin(room: SourceRoom) -> None:
        """Pin the address and print the source."""
        from vidra.engine.sources.checks import pin_address  # noqa: PLC0415 - the same

        after = await pin_address(room, found_source(room, source), address)
        print_page(room, after, as_json=False, events=False)

    with_sources(Invocation.of(ctx).settings(), pin)


def _check_json(room: SourceRoom, checked: Checked) -> dict[str, object]:
    from vidra.engine.sources.view import event_json, source_json  # noqa: PLC0415 - the same

    page = source_json(checked.after, now=room.clock.now())
    return {**page, "problem": checked.problem, "events": [event_json(one) for one in checked.events]}


def _sound(room: SourceRoom, checked: Checked) -> bool:
    from vidra.engine.sources.view import connection_json  # noqa: PLC0415 - the same

    online = connection_json(checked.after, now=room.clock.now())["status"] == "online"
    return online and checked.after.auth_status.value == "authenticated"


def _confirmed(source_ids: list[str]) -> bool:
    if not sys.stdin.isatty():
        raise UsageError("nobody to ask: add --yes to forget sources without a question")
    return typer.confirm(f"Forget {', '.join(source_ids)} and their sign-ins?", err=True)

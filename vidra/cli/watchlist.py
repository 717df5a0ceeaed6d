"""`vidra library watchlist`: what an account wants to watch, wherever it is."""

from __future__ import annotations

import asyncio
import json
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli.columns import columns, output_width
from vidra.cli.invocation import Invocation
from vidra.cli.progress.wording import clean
from vidra.cli.source_access import sources_opened

if TYPE_CHECKING:
    from vidra.servers.interface import Item

app = typer.Typer(name="watchlist", help="Show and change an account's watchlist.", no_args_is_help=True)

Source = Annotated[
    str | None, typer.Option("--source", "-s", metavar="ID", help="Plex source whose account is meant.")
]
CatalogueId = Annotated[
    str, typer.Argument(metavar="ID", help="Id in Plex's catalogue, or `plex://movie/…`.")
]


@app.command("ls")
def list_watchlist(
    ctx: typer.Context,
    *,
    source: Source = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")] = False,
) -> None:
    """List what is on the watchlist."""
    from vidra.engine.library.watchlist import open_watchlist, watchlist_page  # noqa: PLC0415 - 0.2 s

    settings = Invocation.of(ctx).settings()

    async def work() -> list[Item]:
        """Ask for the list."""
        async with sources_opened(settings) as room, open_watchlist(room, source) as discover:
            return list(await discover.watchlist())

    found = asyncio.run(work())
    if as_json:
        typer.echo(json.dumps([watchlist_page(item) for item in found], indent=2, ensure_ascii=False))
        return
    rows = [(item.id, item.kind.value, str(item.year or ""), clean(item.title)) for item in found]
    typer.echo("\n".join(columns(("ID", "KIND", "YEAR", "TITLE"), rows, width=output_width())))


@app.command("add")
def add(ctx: typer.Context, item: CatalogueId, *, source: Source = None) -> None:
    """Put something on the watchlist."""
    _change(ctx, item, source, adding=True)
    typer.echo(f"{item} is on the watchlist")


@app.command("rm")
def remove(ctx: typer.Context, item: CatalogueId, *, source: Source = None) -> None:
    """Take something off the watchlist."""
    _change(ctx, item, source, adding=False)
    typer.echo(f"{item} is off the watchlist")


def _change(ctx: typer.Context, item: str, source: str | None, *, adding: bool) -> None:
    from vidra.engine.library.watchlist import catalogue_id, open_watchlist  # noqa: PLC0415 - 0.2 s

    settings, wanted = Invocation.of(ctx).settings(), catalogue_id(item)

    async def work() -> None:
        """Change the list."""
        async with sources_opened(settings) as room, open_watchlist(room, source) as discover:
            await (discover.add(wanted) if adding else discover.remove(wanted))

    asyncio.run(work())

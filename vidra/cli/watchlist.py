"""`vidra library watchlist`: what an account wants to watch, wherever it is."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Annotated

import typer

from vidra.cli.columns import columns, output_width
from vidra.cli.invocation import Invocation
from vidra.cli.progress.wording import clean
from vidra.cli.source_access import sources_opened
from vidra.errors import AuthRequired, UsageError

if TYPE_CHECKING:
    from vidra.servers.interface import Item
    from vidra.servers.plex_discover import PlexDiscover
    from vidra.settings import Settings

app = typer.Typer(name="watchlist", help="Show and change an account's watchlist.", no_args_is_help=True)

Source = Annotated[
    str | None, typer.Option("--source", "-s", metavar="ID", help="Plex source whose account is meant.")
]
CatalogueId = Annotated[
    str, typer.Argument(metavar="ID", help="Id in Plex's catalogue, or `plex://movie/…`.")
]
_CATALOGUE_ID = re.compile(r"(?:plex://[a-z]+/)?([0-9a-f]{24}|[0-9]{1,12})\Z")


@app.command("ls")
def list_watchlist(
    ctx: typer.Context,
    *,
    source: Source = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON array instead.")] = False,
) -> None:
    """List what is on the watchlist."""
    settings = Invocation.of(ctx).settings()

    async def work() -> list[Item]:
        """Ask for the list."""
        async with _discover(settings, source) as discover:
            return list(await discover.watchlist())

    found = asyncio.run(work())
    if as_json:
        pages = [
            {
                "id": item.id,
                "kind": item.kind.value,
                "title": item.title,
                "year": item.year,
                "guids": item.guids,
            }
            for item in found
        ]
        typer.echo(json.dumps(pages, indent=2, ensure_ascii=False))
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


def _page(item: Item) -> dict[str, object]:
    return {
        "id": item.id,
        "kind": item.kind.value,
        "title": item.title,
        "year": item.year,
        "guids": item.guids,
    }


def _change(ctx: typer.Context, item: str, source: str | None, *, adding: bool) -> None:
    settings, found = Invocation.of(ctx).settings(), _CATALOGUE_ID.match(item)
    if found is None:
        raise UsageError(f"watchlist item {item!r}: expected an id as `vidra library watchlist ls` shows it")

    async def work() -> None:
        """Change the list."""
        async with _discover(settings, source) as discover:
            await (discover.add(found[1]) if adding else discover.remove(found[1]))

    asyncio.run(work())


@asynccontextmanager
async def _discover(settings: Settings, source: str | None) -> AsyncIterator[PlexDiscover]:
    from vidra.engine.source_access import ACCOUNT_TOKEN, scope_of  # noqa: PLC0415 - 0.2 s
    from vidra.servers.plex_discover import CallForm, PlexDiscover  # noqa: PLC0415 - the same
    from vidra.state.source_interface import SourceKind  # noqa: PLC0415 - the same

    async with sources_opened(settings) as room:
        known = [one.source_id for one in room.store.list() if one.type is SourceKind.PLEX]
        wanted = [one for one in known if source in {None, one}]
        if len(wanted) != 1:
            listed = ", ".join(f"`{one}`" for one in known) or "none"
            raise UsageError(f"--source: expected one Plex source; there are: {listed}")
        token = room.credentials.load(scope_of(wanted[0]), ACCOUNT_TOKEN)
        if token is None:
            raise AuthRequired(
                f"source `{wanted[0]}` has no account token: sign in with `vidra source login`"
            )
        library = settings.library
        yield PlexDiscover(
            client=room.client,
            identity=room.identity,
            token=token,
            form=CallForm(library.watchlist_form.value),
            base=library.discover_url,
            clock=room.clock,
        )

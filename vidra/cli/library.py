"""`vidra library`: browse and search what the media servers have, with or without them."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vidra.cli import library_commands, tmdb, watchlist
from vidra.cli.columns import columns, output_width
from vidra.cli.invocation import Invocation
from vidra.cli.library_pages import (
    ITEM_HEADER,
    SECTION_HEADER,
    freshness,
    item_lines,
    item_row,
    section_row,
)
from vidra.clock import SYSTEM_CLOCK
from vidra.engine.library import choosing
from vidra.engine.library.reading import Library
from vidra.errors import ItemNotFound, TryLater
from vidra.library.filters import Order, Wanted
from vidra.library.pages import brief, full
from vidra.state import open_configured_state

if TYPE_CHECKING:
    from vidra.library.rows import Shown

app = typer.Typer(
    name="library", help="Browse and search libraries, and say what was watched.", no_args_is_help=True
)

app.add_typer(library_commands.app)
app.add_typer(watchlist.app)
app.add_typer(tmdb.app)

Json = Annotated[bool, typer.Option("--json", help="Print JSON instead.")]
Source = Annotated[str | None, typer.Option("--source", "-s", metavar="ID", help="Only this source.")]
Limit = Annotated[int, typer.Option("--limit", "-n", min=1, max=10_000, help="How many at most.")]
Kinds = Annotated[
    list[str] | None,
    typer.Option("--kind", "-k", metavar="KIND", help="Only `movie`, `show`, `episode`, …; may be repeated."),
]


@contextmanager
def opened(ctx: typer.Context) -> Iterator[Library]:
    """Yield the libraries of the configured data folder."""
    with Library(Invocation.of(ctx).settings().storage) as library:
        yield library


@app.command("ls")
def list_items(
    ctx: typer.Context,
    where: Annotated[
        str | None,
        typer.Argument(metavar="[SOURCE[/SECTION]]", help="A source, or one of its sections by title or id."),
    ] = None,
    *,
    kinds: Kinds = None,
    below: Annotated[
        str | None, typer.Option(metavar="ITEM", help="Only what belongs to this show, season or album.")
    ] = None,
    year: Annotated[int | None, typer.Option(help="Only of this year.")] = None,
    genre: Annotated[str | None, typer.Option(help="Only of this genre.")] = None,
    watched: Annotated[
        bool | None, typer.Option("--watched/--unwatched", help="Only what was, or was not, watched.")
    ] = None,
    order: Annotated[Order, typer.Option("--sort", help="What the list is sorted by.")] = Order.TITLE,
    offset: Annotated[int, typer.Option(min=0, help="How many to leave out first.")] = 0,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """List the sections, or with a source or a choice the items in them."""
    with opened(ctx) as library:
        source, _, section = (where or "").partition("/")
        chosen = [kinds, below, year, genre, section]
        if not any(chosen) and watched is None:
            _show_sections(library, source or None, as_json=as_json)
            return
        holder = None if below is None else library.find(below)
        wanted = Wanted(
            section=choosing.section_id(library, source, section) if section else None,
            kinds=frozenset(kinds or ()),
            year=year,
            genre=genre,
            watched=watched,
            below=None if holder is None else holder.record["id"],
            order=order,
        )
        only = holder.source if holder else source or None
        page = choosing.choose(library, wanted, source=only, offset=offset, limit=limit)
        show_items(library, page.items, as_json=as_json, total=page.total)


@app.command("search")
def search(
    ctx: typer.Context,
    text: Annotated[list[str], typer.Argument(metavar="TEXT", help="Words of the title, show or year.")],
    *,
    kinds: Kinds = None,
    source: Source = None,
    limit: Limit = 50,
    as_json: Json = False,
) -> None:
    """Find items by words of their titles, best first; case and accents do not matter."""
    with opened(ctx) as library:
        found = library.search(" ".join(text), source=source, kinds=kinds or (), limit=limit)
        show_items(library, found, as_json=as_json)


@app.command("find")
def find(
    ctx: typer.Context,
    *,
    guid: Annotated[str, typer.Option(metavar="ID", help="External id: `tmdb://603`, `imdb://tt0133093`.")],
    as_json: Json = False,
) -> None:
    """Find items by an external id, on every source."""
    with opened(ctx) as library:
        found = library.by_guid(guid)
        if not found and not as_json:
            raise ItemNotFound(guid)
        show_items(library, found, as_json=as_json)


@app.command("show")
def show(
    ctx: typer.Context,
    item: Annotated[str, typer.Argument(metavar="ITEM", help="As the lists name it, or an external id.")],
    *,
    live: Annotated[
        bool, typer.Option("--live", help="Ask the server for cast, files, intro, credits and extras.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Show everything that is known of one item."""
    with opened(ctx) as library:
        found = library.find(item)
        page = full(_looked_at(ctx, library, found) if live else found)
    if as_json:
        typer.echo(json.dumps(page, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(item_lines(page)))


@app.command("on-deck")
def on_deck(ctx: typer.Context, *, source: Source = None, limit: Limit = 20, as_json: Json = False) -> None:
    """List what comes next: the episodes after those that were watched."""
    with opened(ctx) as library:
        show_items(library, library.on_deck(source=source, limit=limit), as_json=as_json)


@app.command("continue")
def continue_watching(
    ctx: typer.Context, *, source: Source = None, limit: Limit = 20, as_json: Json = False
) -> None:
    """List what was begun and not finished, on whatever server, last watched first."""
    with opened(ctx) as library:
        show_items(library, library.continue_watching(source=source, limit=limit), as_json=as_json)


@app.command("recent")
def recent(
    ctx: typer.Context,
    *,
    kinds: Kinds = None,
    source: Source = None,
    limit: Limit = 20,
    as_json: Json = False,
) -> None:
    """List what is new, newest first."""
    with opened(ctx) as library:
        found = library.recent(source=source, kinds=kinds or (), limit=limit)
        show_items(library, found, as_json=as_json)


@app.command("stats")
def stats(ctx: typer.Context, *, source: Source = None, as_json: Json = False) -> None:
    """Count what each source has, and how much of it was watched."""
    with opened(ctx) as library:
        pages = choosing.statistics(library, source=source)
    if as_json:
        typer.echo(json.dumps(pages, indent=2))
        return
    rows = [
        (page["source"], kind, str(number), str(page["watched"].get(kind, 0)))
        for page in pages
        for kind, number in page["items"].items()
    ]
    typer.echo("\n".join(columns(("SOURCE", "KIND", "ITEMS", "WATCHED"), rows, width=output_width())))


def show_items(library: Library, items: Sequence[Shown], *, as_json: bool, total: int | None = None) -> None:
    """Print items with how fresh they are: in the object, or on standard error where it matters."""
    sources = choosing.source_pages(library, clock=SYSTEM_CLOCK)
    if as_json:
        page: dict[str, Any] = {"items": [brief(shown) for shown in items], "sources": sources}
        page |= {} if total is None else {"total": total}
        typer.echo(json.dumps(page, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(columns(ITEM_HEADER, [item_row(shown) for shown in items], width=output_width())))
    if not items:
        typer.echo("nothing found", err=True)
    if total is not None and total > len(items):
        typer.echo(f"{len(items)} of {total}; --limit and --offset show others", err=True)
    for line in freshness(sources):
        typer.echo(line, err=True)


def _looked_at(ctx: typer.Context, library: Library, shown: Shown) -> Shown:
    """Ask the server about the item; while it is away, what is known has to do."""
    from vidra.engine.library.closer import look_closer  # noqa: PLC0415 - 0.2 s
    from vidra.engine.sources.access import open_sources  # noqa: PLC0415 - the same

    settings = Invocation.of(ctx).settings()

    async def look() -> Shown:
        """Look through a fresh connection."""
        with open_configured_state(settings.storage) as state:
            async with open_sources(settings, state.sources) as room:
                return await look_closer(room, library.shelves(shown.source)[0].store, shown)

    try:
        return asyncio.run(look())
    except TryLater as error:
        typer.echo(f"{shown.source}: shows what is known: {error}", err=True)
        return shown


def _show_sections(library: Library, source: str | None, *, as_json: bool) -> None:
    pages = choosing.section_pages(library, source)
    if as_json:
        typer.echo(json.dumps(pages, indent=2, ensure_ascii=False))
        return
    typer.echo(
        "\n".join(columns(SECTION_HEADER, [section_row(page) for page in pages], width=output_width()))
    )

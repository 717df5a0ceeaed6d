"""What the `vidra source` commands share: the way to the sources, and how results are printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeVar

import typer

from vidra.errors import SourceNotFound

if TYPE_CHECKING:
    from vidra.engine.sources.access import SourceRoom
    from vidra.engine.sources.checks import Checked
    from vidra.settings import Settings
    from vidra.state.source_interface import Source

T = TypeVar("T")


@asynccontextmanager
async def sources_opened(settings: Settings) -> AsyncIterator[SourceRoom]:
    """Yield the room of sources with the declared ones up to date."""
    from vidra.clock import SYSTEM_CLOCK  # noqa: PLC0415 - `vidra --help` must stay fast
    from vidra.engine.deployments.following import apply_if_running  # noqa: PLC0415 - the same
    from vidra.engine.library.forgetting import follow_configured  # noqa: PLC0415 - the same
    from vidra.engine.sources.access import open_sources  # noqa: PLC0415 - the same
    from vidra.state import open_configured_state  # noqa: PLC0415 - the same

    with open_configured_state(settings.storage) as state:
        followed = follow_configured(settings, state.sources, clock=SYSTEM_CLOCK)
        if followed.added or followed.removed:
            await asyncio.to_thread(apply_if_running, settings)
        async with open_sources(settings, state.sources) as room:
            yield room


def with_sources(settings: Settings, work: Callable[[SourceRoom], Awaitable[T]]) -> T:
    """Run the work with the room of sources."""

    async def main() -> T:
        """Open the sources for the work."""
        async with sources_opened(settings) as room:
            return await work(room)

    return asyncio.run(main())


def found_source(room: SourceRoom, wanted: str) -> Source:
    """Return the source of this id, or the only one of this name; raises `SourceNotFound`."""
    sources = room.store.list()
    by_id = [one for one in sources if one.source_id == wanted]
    found = by_id or [one for one in sources if one.name.casefold() == wanted.casefold()]
    if len(found) == 1:
        return found[0]
    raise SourceNotFound(wanted, [one.source_id for one in sources])


def tell_engine(settings: Settings) -> None:
    """Let a running engine schedule what sources need, or stop scheduling it."""
    from vidra.engine.deployments.following import apply_if_running  # noqa: PLC0415 - the same

    if not apply_if_running(settings):
        typer.echo("No engine is running: connections are watched once `vidra up` runs.", err=True)


def report(room: SourceRoom, checked: Checked, *, as_json: bool) -> None:
    """Print what became of a new source or a new sign-in."""
    print_page(room, checked.after, as_json=as_json, events=False)
    if checked.problem and not as_json:
        typer.echo(f"{'Problem':<12}{checked.problem}")


def print_page(room: SourceRoom, source: Source, *, as_json: bool, events: bool = True) -> None:
    """Print everything about a source, its latest events included if wanted."""
    from vidra.cli.source_pages import source_lines  # noqa: PLC0415 - the same
    from vidra.engine.sources.view import event_json, source_json  # noqa: PLC0415 - the same

    page = source_json(source, now=room.clock.now())
    told = [event_json(one) for one in room.store.events(source.source_id, limit=10)] if events else []
    if as_json:
        typer.echo(json.dumps({**page, "events": told}, indent=2, ensure_ascii=False))
        return
    typer.echo("\n".join(source_lines(page, told)))

"""The Plex watchlist of a source's account, for the command line and the routes."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, Final

from vidra.engine.sources.access import ACCOUNT_TOKEN, SourceRoom, scope_of
from vidra.errors import AuthRequired, UsageError
from vidra.servers.interface import Item
from vidra.servers.plex_discover import CallForm, PlexDiscover
from vidra.state.source_interface import SourceKind

_CATALOGUE_ID: Final = re.compile(r"(?:plex://[a-z]+/)?([0-9a-f]{24}|[0-9]{1,12})\Z")


def catalogue_id(item: str) -> str:
    """Return the id in Plex's catalogue; raise `UsageError` for what is none."""
    found = _CATALOGUE_ID.match(item)
    if found is None:
        raise UsageError(f"watchlist item {item!r}: expected an id as `vidra library watchlist ls` shows it")
    return found[1]


def watchlist_page(item: Item) -> dict[str, Any]:
    """Return an entry of the list as `--json` and the routes show it."""
    return {
        "id": item.id,
        "kind": item.kind.value,
        "title": item.title,
        "year": item.year,
        "guids": list(item.guids),
    }


@asynccontextmanager
async def open_watchlist(room: SourceRoom, source: str | None = None) -> AsyncIterator[PlexDiscover]:
    """Yield the watchlist of the account of a Plex source, which need not be named if there is one only.

    Raises `UsageError` naming the Plex sources, and `AuthRequired` without an account token.
    """
    stored = await asyncio.to_thread(room.store.list)
    known = [one.source_id for one in stored if one.type is SourceKind.PLEX]
    wanted = [one for one in known if source in {None, one}]
    if len(wanted) != 1:
        listed = ", ".join(f"`{one}`" for one in known) or "none"
        raise UsageError(f"source: expected one Plex source; there are: {listed}")
    token = await asyncio.to_thread(room.credentials.load, scope_of(wanted[0]), ACCOUNT_TOKEN)
    if token is None:
        raise AuthRequired(f"source `{wanted[0]}` has no account token: sign in with `vidra source login`")
    library = room.settings.library
    yield PlexDiscover(
        client=room.client,
        identity=room.identity,
        token=token,
        form=CallForm(library.watchlist_form.value),
        base=library.discover_url,
        clock=room.clock,
    )

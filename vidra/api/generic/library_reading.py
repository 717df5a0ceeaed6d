"""How the library's routes read: in a thread, with an `ETag`, and with how fresh it all is."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Callable, Iterable
from typing import Annotated, Any

import orjson
from fastapi import Depends, Request, Response

from vidra.api.context import Context
from vidra.engine.library import choosing
from vidra.engine.library.reading import Library
from vidra.engine.sources.view import source_json
from vidra.library.pages import brief
from vidra.library.rows import Shown


def library_of(request: Request, services: Context) -> Library:
    """Return the libraries of this process, loaded when first asked for and kept up to date from then on."""
    state = request.app.state
    if not hasattr(state, "library"):
        state.library = Library(services.backend.settings.storage)
    library: Library = state.library
    return library


Shelves = Annotated[Library, Depends(library_of)]


class Reader:
    """Answers one request with what the library knows; 304 to whoever has it already."""

    def __init__(self, request: Request, services: Context, library: Shelves) -> None:
        self.library = library
        self._request, self._services = request, services

    async def items(self, find: Callable[[], Iterable[Shown]]) -> Response:
        """Answer with the items that `find` returns."""
        return await self.page(lambda: {"items": [brief(shown) for shown in find()]})

    async def page(self, read: Callable[[], dict[str, Any]], *, fresh: bool = True) -> Response:
        """Answer with what `read` returns; with `fresh`, also how old the sources' records are."""
        tag, body = await asyncio.to_thread(self._answer, read, fresh)
        headers = {"ETag": tag, "Cache-Control": "private, no-cache"}
        if body is None:
            return Response(status_code=304, headers=headers)
        return Response(body, media_type="application/json", headers=headers)

    def _answer(self, read: Callable[[], dict[str, Any]], fresh: bool) -> tuple[str, bytes | None]:
        connections, url = self._connections(), self._request.url
        mark = f"{self.library.revision()} {url.path} {url.query} {sorted(connections.items())}"
        tag = f'W/"{hashlib.sha256(mark.encode()).hexdigest()[:32]}"'
        if tag in self._request.headers.get("if-none-match", ""):
            return tag, None
        page = read()
        if fresh:
            page["sources"] = [
                {**one, "connection": connections.get(one["source"])}
                for one in choosing.source_pages(self.library, clock=self._services.backend.clock)
            ]
        return tag, orjson.dumps(page)

    def _connections(self) -> dict[str, str]:
        """Return how each server is reached now, as the connection checks found."""
        now = self._services.backend.clock.now()
        pages = [source_json(source, now=now) for source in self._services.state.sources.list()]
        return {page["source_id"]: str((page.get("connection") or {}).get("status")) for page in pages}


Reading = Annotated[Reader, Depends()]
"""What the routes take to answer with."""

"""Streams and pictures of items, without showing anybody the token of their server.

A client with our token asks for a ticket and gives its address to whatever plays or shows it.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path as FilePath
from typing import Annotated, Final
from urllib.parse import unquote, urlsplit

import httpx
from fastapi import APIRouter, Header, Path, Request, Response
from starlette.responses import FileResponse, StreamingResponse

from vidra.api import tickets
from vidra.api.answers import BadBody
from vidra.api.context import Context
from vidra.api.generic.library_models import Ticket, TicketRequest
from vidra.api.generic.library_pieces import (
    PLAYLIST,
    PLAYLIST_TYPE,
    is_playlist,
    own_playlist,
    piece_of,
    playlist_text,
    session_of,
)
from vidra.api.generic.library_reading import Shelves
from vidra.api.generic.routes import PROBLEMS
from vidra.api.guard import MEDIA
from vidra.api.refusals import GENERIC
from vidra.api.services import Services
from vidra.clock import iso
from vidra.engine.library.images import Picture, PictureCache, checked_path, picture_of
from vidra.engine.library.reading import Library, name_of
from vidra.engine.library.shelves import open_shelf
from vidra.engine.library.watch_book import ShelfWatchBook
from vidra.engine.sources.access import SourceRoom, open_sources
from vidra.errors import Missing, TryLater
from vidra.library.pages import details_of
from vidra.library.rows import Shown
from vidra.redaction import redact
from vidra.servers.interface import Conversion, MediaServer, Stream

router = APIRouter(prefix=GENERIC, responses=PROBLEMS, tags=["library"])

_PICTURES: Final = frozenset({"thumb", "art"})
_STREAM_PATHS: Final = re.compile(
    r"/library/parts/[0-9]+/[0-9]+/[^/]+|/(?:Videos|Audio)/[0-9A-Za-z-]{1,64}/stream", re.IGNORECASE
)
_STREAM_TYPES: Final = ("video/", "audio/", "application/octet-stream", "application/x-matroska")
_PASSED_UP: Final = ("range", "if-range")
_PASSED_DOWN: Final = (
    "content-type",
    "content-length",
    "content-range",
    "accept-ranges",
    "last-modified",
    "etag",
)
_ROUTE: Final = MEDIA.removeprefix(GENERIC) + "{ticket}"
_CONNECT_S: Final = 10.0


@router.post("/library/tickets", status_code=201)
async def make_ticket(asked: TicketRequest, services: Context, library: Shelves) -> Ticket:
    """Return an address under which the item's file or picture is handed out for a while."""
    shown = await asyncio.to_thread(library.find, asked.item)
    if asked.kind in _PICTURES:
        _picture_path(shown, asked.kind)
    lifetime = int(services.backend.settings.library.ticket_lifetime)
    if asked.kind not in _PICTURES:  # a player comes back for more until the end, and when somebody seeks
        lifetime += int(shown.record.get("duration_ms", 0)) // 1000
    expires = int(services.backend.clock.now().timestamp()) + lifetime
    claim = tickets.Claim(**asked.model_dump(exclude={"item"}), item=name_of(shown), expires=expires)
    url = MEDIA + tickets.signed(claim, services.backend.tokens.current())
    if asked.kind == "hls":
        url += f"/{PLAYLIST}"
    return Ticket(url=url, expires_at=iso(datetime.fromtimestamp(expires, UTC)))


@router.head(_ROUTE, include_in_schema=False)
@router.get(_ROUTE, response_class=Response)
async def media(
    ticket: Annotated[str, Path(max_length=2000, description="As `POST …/library/tickets` gave it.")],
    request: Request,
    services: Context,
    library: Shelves,
    range_: Annotated[str | None, Header(alias="Range", max_length=200)] = None,
) -> Response:
    """Hand out what the ticket is for; parts of a file with `Range`."""
    del range_  # described for readers of the document; read from the request below
    claim, shown = await claimed(services, library, ticket)
    if claim.kind == "stream":
        return await _stream(request, services, shown)
    if claim.kind == "hls":
        raise Missing(f"the playlist of this ticket is `{PLAYLIST}` below it")
    picture = await _picture(services, shown, claim)
    headers = {"Cache-Control": "private, max-age=86400", "Content-Disposition": "inline"}
    return Response(picture.content, media_type=picture.media_type, headers=headers)


@router.get(_ROUTE + "/{piece:path}", response_class=Response)
async def converted(
    ticket: Annotated[str, Path(max_length=2000, description="As `POST …/library/tickets` gave it.")],
    piece: Annotated[str, Path(max_length=500, description="The playlist, or what a playlist names.")],
    request: Request,
    services: Context,
    library: Shelves,
) -> Response:
    """Hand out a film in pieces that any player plays; the media server converts it meanwhile."""
    claim, shown = await claimed(services, library, ticket)
    if claim.kind != "hls":
        raise Missing("there is nothing below this ticket")
    wanted = Conversion(session=session_of(ticket), bitrate_kbps=claim.bitrate_kbps, height=claim.height)
    stack = AsyncExitStack()
    try:
        room, server = await stack.enter_async_context(media_server(services, shown.source))
        playlist = await server.converted(str(shown.record["id"]), wanted)
        found = piece_of(playlist, piece, request.url.query)
        upstream = await _opened(room.client, found, request)
        stack.push_async_callback(upstream.aclose)
        if not is_playlist(found.url):
            return _passed_on(upstream, stack)
        text = own_playlist(await playlist_text(upstream), found.url, prefix=f"{MEDIA}{ticket}/")
    except BaseException:
        await stack.aclose()
        raise
    await stack.aclose()
    return Response(text, media_type=PLAYLIST_TYPE, headers={"Cache-Control": "private, no-store"})


async def claimed(services: Services, library: Library, ticket: str) -> tuple[tickets.Claim, Shown]:
    """Return what a ticket is for, and the item; refuse one that is over or not ours."""
    now = int(services.backend.clock.now().timestamp())
    claim = tickets.checked(ticket, services.backend.tokens.current(), now=now)
    if claim is None:
        raise BadBody("the ticket is over, or none of ours", code="ticket_invalid", status=403)
    return claim, await asyncio.to_thread(library.find, claim.item)


async def _picture(services: Services, shown: Shown, claim: tickets.Claim) -> Picture:
    settings = services.backend.settings
    path = _picture_path(shown, claim.kind)
    cache = PictureCache(settings.storage.cache_dir / "images", limit=int(settings.library.image_cache))
    key = f"{shown.source} {path} {claim.width} {claim.height}"
    known = await asyncio.to_thread(cache.get, key)
    if known is not None:
        return known
    try:
        async with media_server(services, shown.source) as (_, server):
            content = await server.image(path, width=claim.width, height=claim.height)
    except TryLater:
        old = await asyncio.to_thread(cache.get, key, stale=True)
        if old is None:
            raise
        return old
    picture = picture_of(content)
    await asyncio.to_thread(cache.put, key, picture)
    return picture


def _picture_path(shown: Shown, kind: str) -> str:
    record = shown.record
    path = record.get("thumb") if kind == "thumb" else details_of(record).get("art")
    if not path:
        raise Missing(f"item {name_of(shown)} has no such picture")
    return checked_path(str(path))


async def _stream(request: Request, services: Services, shown: Shown) -> Response:
    stack = AsyncExitStack()
    try:
        room, server = await stack.enter_async_context(media_server(services, shown.source))
        found = await server.stream(str(shown.record["id"]))
        if found.url.startswith("file://"):
            return FileResponse(FilePath(unquote(urlsplit(found.url).path)))
        upstream = await _opened(room.client, _file_of_a_library(found), request)
        stack.push_async_callback(upstream.aclose)
        return _passed_on(upstream, stack)
    except BaseException:
        await stack.aclose()
        raise


def _file_of_a_library(found: Stream) -> Stream:
    if not _STREAM_PATHS.fullmatch(urlsplit(found.url).path):
        raise Missing("the server named no file of its library")
    return found


def _passed_on(upstream: httpx.Response, stack: AsyncExitStack) -> Response:
    """Return what comes from the server as an answer of ours; the stack is left at its end."""
    headers = _checked_headers(upstream)

    async def body() -> AsyncIterator[bytes]:
        """Pass on what comes, and let go of the server at the end, however it ends."""
        async with stack:
            async for chunk in upstream.aiter_raw():
                yield chunk

    return StreamingResponse(body(), status_code=upstream.status_code, headers=headers)


async def _opened(client: httpx.AsyncClient, found: Stream, request: Request) -> httpx.Response:
    passed = {name: value for name in _PASSED_UP if (value := request.headers.get(name))}
    secrets = {name: secret.get_secret_value() for name, secret in found.headers.items()}
    asked = client.build_request(
        request.method,
        found.url,
        headers={**passed, **secrets, "Accept-Encoding": "identity"},
        timeout=httpx.Timeout(30.0, connect=_CONNECT_S),
    )
    try:
        return await client.send(asked, stream=True, follow_redirects=False)
    except httpx.HTTPError as error:
        raise TryLater(f"the media server does not answer: {redact(str(error))}") from error


def _checked_headers(upstream: httpx.Response) -> Mapping[str, str]:
    """Return the headers to pass on; raise for an answer that is no piece of a film or song."""
    if upstream.status_code not in {200, 206, 416}:
        raise TryLater(f"the media server answered {upstream.status_code}")
    kind = upstream.headers.get("content-type", "application/octet-stream")
    if upstream.status_code != 416 and not kind.startswith(_STREAM_TYPES):
        raise Missing("the server sent no media")
    passed = {name: value for name in _PASSED_DOWN if (value := upstream.headers.get(name))}
    return {**passed, "Cache-Control": "private, no-store"}


@asynccontextmanager
async def media_server(services: Services, source: str) -> AsyncIterator[tuple[SourceRoom, MediaServer]]:
    """Yield a source's server for one operation, with the connections it goes over."""
    backend = services.backend
    sources = services.state.sources
    with open_shelf(backend.settings.storage, source) as shelf:
        async with (
            open_sources(backend.settings, sources, clock=backend.clock) as room,
            room.server(source, book=ShelfWatchBook(shelf)) as server,
        ):
            yield room, server

"""A Plex media server (JSON API of the published description, media server 1.1.1)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime
from functools import partial
from typing import Final

import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, Missing, RemoteError, WrongServer
from vidra.servers import plex_items, plex_streams
from vidra.servers.ahead import Ahead
from vidra.servers.fields import Fields, integer, objects, text
from vidra.servers.interface import (
    AuthStatus,
    ClientIdentity,
    Conversion,
    Initialised,
    Item,
    ItemKind,
    Markers,
    MediaServer,
    Page,
    Progress,
    Route,
    Row,
    Section,
    SectionKind,
    ServerInfo,
    Stream,
    User,
    WatchState,
)
from vidra.servers.paths import deepest_holder
from vidra.servers.plex_identity import identity_headers
from vidra.servers.wire import Query, Wire, as_object, exchange, header_secret, parsed

LIBRARY: Final = "com.plexapp.plugins.library"
"""The `identifier` that playback reports must name."""


async def plex_info(client: httpx.AsyncClient, uri: str, *, limit: float = 3.0) -> ServerInfo:
    """Return who answers at an address. No credentials are sent."""
    response = await exchange(
        client, "GET", f"{uri}/identity", headers={"Accept": "application/json"}, limit=limit
    )
    container = _container(as_object(parsed(response), f"{uri}/identity"))
    machine_id = text(container, "machineIdentifier")
    if machine_id is None:
        raise WrongServer(f"{uri}: not a Plex media server", url=uri)
    return ServerInfo(machine_id=machine_id, version=text(container, "version"))


async def probe_plex(uri: str, limit: float, *, client: httpx.AsyncClient, machine_id: str) -> ServerInfo:
    """Raise `WrongServer` unless that machine answers there; a prober for `vidra.connections`."""
    info = await plex_info(client, uri, limit=limit)
    if info.machine_id != machine_id:
        raise WrongServer(f"{uri}: another Plex server ({info.machine_id}) answers there", url=uri)
    return info


class PlexServer(MediaServer):
    """One Plex server, addressed by whichever of its connections works, with the token for that server."""

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        route: Route,
        machine_id: str,
        token: SecretStr,
        identity: ClientIdentity,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._token, self._identity = token, identity
        self._tells_changes: set[str] = set()
        self._wire = Wire(
            client,
            route,
            headers=identity_headers(identity) | {"X-Plex-Token": header_secret(token)},
            verify=partial(probe_plex, limit=3.0, client=client, machine_id=machine_id),
            clock=clock,
        )

    async def initialise(self) -> Initialised:
        """Ask the server itself, so that it works without Internet."""
        try:
            root = _container(await self._wire.get("/"))
        except AuthRequired as exc:
            return Initialised(status=AuthStatus.AUTH_REQUIRED, detail=str(exc))
        except RemoteError as exc:
            return Initialised(status=AuthStatus.UNKNOWN, detail=str(exc))
        name = text(root, "myPlexUsername") or text(root, "friendlyName") or ""
        return Initialised(status=AuthStatus.AUTHENTICATED, user=User(id=name, name=name))

    async def sections(self) -> Sequence[Section]:
        """Return the libraries."""
        container = _container(await self._wire.get("/library/sections"))
        return [found for raw in objects(container, "Directory") if (found := plex_items.section(raw))]

    def selections(self) -> Sequence[Section]:
        """Return the playlists, which belong to the server and to none of its libraries."""
        return [PLAYLISTS]

    async def members(self, item_id: str, kind: ItemKind) -> Sequence[Item]:
        """Return the items of a collection or playlist."""
        path = _MEMBERS.get(kind)
        if path is None:
            return ()
        pages = [page async for page in self._pages(path.format(item_id), {}, 500)]
        return [entry for page in pages for entry in page.items]

    async def items(
        self, section: Section, kind: ItemKind, *, changed_since: datetime | None = None, page_size: int = 200
    ) -> AsyncGenerator[Page, None]:
        """List a section; changes are asked for twice, because watching does not touch `updatedAt`."""
        query: dict[str, str | int] = {"type": plex_items.TYPES[kind], "includeGuids": 1}
        if section.kind is SectionKind.PLAYLISTS:
            if changed_since is not None:
                raise Missing("playlists cannot be asked for changes")
            async with aclosing(self._pages("/playlists", {}, page_size)) as pages:
                async for page in pages:
                    yield page
            return
        if changed_since is None:
            queries = [query | {"sort": "titleSort"}]
        else:
            await self._check_fields(section, kind)
            since = int(changed_since.timestamp())
            queries = [query | {f"{field}>>": since} for field in ("updatedAt", "lastViewedAt")]
        seen: set[str] = set()
        for each in queries:
            path = f"/library/sections/{section.id}/all"
            async with aclosing(self._pages(path, each, page_size)) as pages:
                async for page in pages:
                    fresh = tuple(entry for entry in page.items if entry.id not in seen)
                    seen.update(entry.id for entry in fresh)
                    yield Page(items=fresh, total=page.total if changed_since is None else None)

    async def count(self, section: Section, kind: ItemKind) -> int:
        """Ask for an empty page."""
        path, query = f"/library/sections/{section.id}/all", {"type": plex_items.TYPES[kind]}
        if section.kind is SectionKind.PLAYLISTS:
            path, query = "/playlists", {}
        container = await self._container(path, _window(query, 0, 0), _paging(0, 0))
        return integer(container, "totalSize") or integer(container, "size") or 0

    async def item(self, item_id: str) -> Item:
        """Return one item with cast, files and external ids."""
        return _known(await self._metadata(item_id, {"includeGuids": 1}), item_id)

    async def seasons(self, show_id: str) -> Sequence[Item]:
        """Return the seasons, without the pseudo season "All episodes"."""
        query = {"excludeAllLeaves": 1}
        pages = [p async for p in self._pages(f"/library/metadata/{show_id}/children", query, 500)]
        return [entry for page in pages for entry in page.items if entry.kind is ItemKind.SEASON]

    async def episodes(self, show_id: str) -> Sequence[Item]:
        """Return all leaves of the show."""
        pages = [
            p async for p in self._pages(f"/library/metadata/{show_id}/allLeaves", {"includeGuids": 1}, 500)
        ]
        return [entry for page in pages for entry in page.items]

    async def rows(self, *, limit: int = 20) -> Sequence[Row]:
        """Return the hubs of the home screen; continue watching comes from its own hub."""
        hubs: list[Fields] = []
        for path in ("/hubs/continueWatching", "/hubs"):
            hubs += objects(await self._container(path, {"count": limit}), "Hub")
        rows: dict[str, Row] = {}
        for hub in hubs:
            if found := plex_items.row(hub):
                rows.setdefault(found.id, found)
        return list(rows.values())

    async def search(self, text: str, *, limit: int = 50) -> Sequence[Item]:
        """Search all libraries; `limit` counts per kind."""
        container = await self._container("/hubs/search", {"query": text, "limit": limit})
        found = [
            plex_items.item(raw) for hub in objects(container, "Hub") for raw in objects(hub, "Metadata")
        ]
        return [entry for entry in found if entry and entry.kind in _SEARCHED]

    async def markers(self, item_id: str) -> Markers:
        """Return intro and credits."""
        return plex_items.markers(await self._metadata(item_id, {"includeMarkers": 1, "includeChapters": 1}))

    async def stream(self, item_id: str) -> Stream:
        """Return the first version's file as it is."""
        entry = await self.item(item_id)
        path = next((file.stream_path for file in entry.files if file.stream_path), None)
        if path is None:
            raise Missing(f"item {item_id} has no file to play")
        return Stream(url=await self._wire.base() + path, headers={"X-Plex-Token": self._token})

    async def converted(self, item_id: str, wanted: Conversion) -> Stream:
        """Name the playlist of Plex's converter; the server begins when somebody asks for it."""
        address = await self._wire.base() + plex_streams.playlist(item_id, wanted)
        return Stream(
            url=address,
            headers=plex_streams.headers(self._identity, self._token, wanted),
            session=wanted.session,
        )

    async def extras(self, item_id: str) -> Sequence[Item]:
        """Return the item's extras."""
        container = await self._container(f"/library/metadata/{item_id}/extras")
        return [found for raw in objects(container, "Metadata") if (found := plex_items.item(raw))]

    async def image(self, path: str, *, width: int | None = None, height: int | None = None) -> bytes:
        """Return the picture, scaled by the server if a size is asked for."""
        if width is None and height is None:
            return (await self._wire.request("GET", path)).content
        query: dict[str, str | int] = {"url": path, "minSize": 1, "upscale": 0}
        query |= {"width": width or 3840, "height": height or 2160}
        return (await self._wire.request("GET", "/photo/:/transcode", params=query)).content

    async def report(self, progress: Progress) -> None:
        """Send a timeline; a late report carries its own time, so that newer ones win."""
        query: dict[str, str | int] = {
            "ratingKey": progress.item_id,
            "key": f"/library/metadata/{progress.item_id}",
            "identifier": LIBRARY,
            "state": progress.state.value,
            "time": progress.position_ms,
            "duration": progress.duration_ms,
        }
        if progress.at is not None:
            query |= {"offline": 1, "updated": int(progress.at.timestamp())}
        session = {"X-Plex-Session-Identifier": progress.session}
        await self._wire.request("POST", "/:/timeline", params=query, headers=session)

    async def mark_watched(self, item_id: str, *, at: datetime | None = None) -> None:
        """Scrobble; Plex takes the instant of the request for the date."""
        del at
        await self._wire.request("PUT", "/:/scrobble", params={"identifier": LIBRARY, "key": item_id})

    async def mark_unwatched(self, item_id: str) -> None:
        """Unscrobble."""
        await self._wire.request("PUT", "/:/unscrobble", params={"identifier": LIBRARY, "key": item_id})

    async def rate(self, item_id: str, rating: float) -> None:
        """Rate from 0 to 10."""
        query = {"identifier": LIBRARY, "key": item_id, "rating": f"{rating:g}"}
        await self._wire.request("PUT", "/:/rate", params=query)

    async def watch_state(self, item_id: str) -> WatchState:
        """Return the watch state of the token's user."""
        return plex_items.watch_state(await self._metadata(item_id, {}))

    async def refresh(self, path: str | None = None) -> tuple[str, ...]:
        """Scan the folder in the sections that hold it, or all sections."""
        sections = await self.sections()
        if path is not None:
            sections = [s for s in sections if deepest_holder(path, s.locations) is not None]
        for section in sections:
            query = {} if path is None else {"path": path}
            await self._wire.request("GET", f"/library/sections/{section.id}/refresh", params=query)
        return tuple(section.id for section in sections)

    async def holds(self, path: str) -> bool:
        """Ask the sections that hold the folder for a file of that path."""
        for section in await self.sections():
            if deepest_holder(path, section.locations) is None:
                continue
            for kind in _PLAYABLE.get(section.kind.value, ()):
                if await self._lists_file(section, kind, path):
                    return True
        return False

    async def _lists_file(self, section: Section, kind: ItemKind, path: str) -> bool:
        query: dict[str, str | int] = {"type": plex_items.TYPES[kind], "file": path}
        async with aclosing(self._pages(f"/library/sections/{section.id}/all", query, 50)) as pages:
            async for page in pages:
                if any(file.path == path for entry in page.items for file in entry.files):
                    return True
        return False

    async def _pages(
        self, path: str, query: Mapping[str, str | int], size: int
    ) -> AsyncGenerator[Page, None]:
        """Yield pages from where the server says the last one ended, whatever size it chose."""
        start, seen = 0, set[str]()
        async with Ahead[Fields]() as ahead:
            ahead.ask(self._page(path, query, start, size))
            while True:
                container = await ahead.answer()
                raw = objects(container, "Metadata")
                total = integer(container, "totalSize")
                start = max(start, integer(container, "offset") or 0) + len(raw)
                ended = not raw or (len(raw) < size if total is None else start >= total)
                if not ended:
                    ahead.ask(self._page(path, query, start, size))
                found = [entry for fields in raw if (entry := plex_items.item(fields))]
                fresh = tuple(entry for entry in found if entry.id not in seen)
                seen.update(entry.id for entry in fresh)
                if fresh:
                    yield Page(items=fresh, total=total)
                if ended or (found and not fresh):  # the last: a server that knows no paging
                    return

    async def _page(self, path: str, query: Mapping[str, str | int], start: int, size: int) -> Fields:
        return await self._container(path, _window(query, start, size), _paging(start, size))

    async def _check_fields(self, section: Section, kind: ItemKind) -> None:
        """Raise `Missing` unless this section can be asked for changes; the answer is about all its kinds."""
        if section.id in self._tells_changes:
            return
        query = {"type": plex_items.TYPES[kind], "includeMeta": 1}
        container = await self._container(
            f"/library/sections/{section.id}/all", _window(query, 0, 0), _paging(0, 0)
        )
        meta = container.get("Meta")
        types = objects(meta if isinstance(meta, dict) else {}, "Type")
        fields = {text(field, "key") for entry in types for field in objects(entry, "Field")}
        if not any(name and name.rpartition(".")[2] == "updatedAt" for name in fields):
            raise Missing(f"section {section.id} cannot be asked for changes (no field `updatedAt`)")
        self._tells_changes.add(section.id)

    async def _metadata(self, item_id: str, query: Query) -> Fields:
        container = await self._container(f"/library/metadata/{item_id}", query)
        found = next(iter(objects(container, "Metadata")), None)
        if found is None:
            raise Missing(f"no item {item_id}")
        return found

    async def _container(
        self, path: str, query: Query = None, headers: Mapping[str, str] | None = None
    ) -> Fields:
        return _container(await self._wire.get(path, query, headers))


PLAYLISTS: Final = Section(id="playlists", title="Playlists", kind=SectionKind.PLAYLISTS)
_MEMBERS: Final = {
    ItemKind.COLLECTION: "/library/collections/{}/items",
    ItemKind.PLAYLIST: "/playlists/{}/items",
}
_SEARCHED: Final = frozenset({ItemKind.MOVIE, ItemKind.SHOW, ItemKind.EPISODE})
_PLAYABLE: Final = {
    "movies": (ItemKind.MOVIE,),
    "shows": (ItemKind.EPISODE,),
    "music": (ItemKind.TRACK,),
    "photos": (ItemKind.PHOTO,),
    "mixed": (ItemKind.MOVIE, ItemKind.EPISODE, ItemKind.VIDEO),
}


def _paging(start: int, size: int) -> dict[str, str]:
    return {"X-Plex-Container-Start": str(start), "X-Plex-Container-Size": str(size)}


def _window(query: Mapping[str, str | int], start: int, size: int) -> dict[str, str | int]:
    """Return the query with the page in it too: some servers and proxies drop one of the two forms."""
    return {**query, "X-Plex-Container-Start": start, "X-Plex-Container-Size": size}


def _container(answer: Fields) -> Fields:
    return as_object(answer.get("MediaContainer"), "MediaContainer")


def _known(fields: Fields, item_id: str) -> Item:
    entry = plex_items.item(fields)
    if entry is None:
        raise Missing(f"item {item_id} is of a kind that Vidra does not know")
    return entry

"""A Jellyfin server (paths of 10.9 and later, the older ones for older servers)."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from datetime import UTC, datetime
from functools import partial
from typing import Final, assert_never

import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, Missing, Refused, RemoteError
from vidra.servers import jellyfin_items
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
    PlaybackState,
    Progress,
    Route,
    Row,
    RowKind,
    Section,
    ServerInfo,
    Stream,
    User,
    WatchState,
)
from vidra.servers.jellyfin_login import authorization, probe_jellyfin
from vidra.servers.paths import deepest_holder
from vidra.servers.wire import Json, Query, Wire, as_object, parsed

_FIELDS: Final = (
    "Overview,Genres,DateCreated,DateLastSaved,ProviderIds,SortName,OriginalTitle,"
    "ChildCount,RecursiveItemCount,Path"
)
"""What a listing asks for; cast and streams are asked for item by item, for they triple the answer."""
_NEW_PATHS: Final = (10, 9)
_SEARCHED: Final = "Movie,Series,Episode"


class JellyfinServer(MediaServer):
    """One Jellyfin server and the user who is signed in there."""

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        route: Route,
        machine_id: str,
        token: SecretStr,
        user_id: str,
        identity: ClientIdentity,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._identity, self._token, self._user = identity, token, user_id
        self._probe = partial(probe_jellyfin, limit=3.0, client=client, machine_id=machine_id)
        self._info: ServerInfo | None = None
        self._wire = Wire(
            client, route, headers=authorization(identity, token), verify=self._verify, clock=clock
        )

    async def initialise(self) -> Initialised:
        """Ask who the token belongs to."""
        try:
            user = await self._wire.get("/Users/Me")
        except AuthRequired as exc:
            return Initialised(status=AuthStatus.AUTH_REQUIRED, detail=str(exc))
        except RemoteError as exc:
            return Initialised(status=AuthStatus.UNKNOWN, detail=str(exc))
        name = text(user, "Name") or self._user
        return Initialised(
            status=AuthStatus.AUTHENTICATED, user=User(id=text(user, "Id") or self._user, name=name)
        )

    async def sections(self) -> Sequence[Section]:
        """Return the user's views; `locations` are only known to administrators and stay empty here."""
        answer = await self._get_own("/UserViews", "/Views")
        return [found for raw in objects(answer, "Items") if (found := jellyfin_items.section(raw))]

    async def items(
        self, section: Section, kind: ItemKind, *, changed_since: datetime | None = None, page_size: int = 200
    ) -> AsyncGenerator[Page, None]:
        """List a section; metadata and watch state are asked for separately, for the filters are ANDed."""
        query = self._listing(section, kind)
        if changed_since is None:
            queries = [query]
        else:
            since = changed_since.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
            queries = [query | {name: since} for name in ("minDateLastSaved", "minDateLastSavedForUser")]
        seen: set[str] = set()
        for each in queries:
            async with aclosing(self._pages(each, section.id, page_size)) as pages:
                async for page in pages:
                    fresh = tuple(entry for entry in page.items if entry.id not in seen)
                    seen.update(entry.id for entry in fresh)
                    yield Page(items=fresh, total=page.total if changed_since is None else None)

    async def count(self, section: Section, kind: ItemKind) -> int:
        """Ask for no items and the total."""
        query = self._listing(section, kind) | {"limit": 0, "enableTotalRecordCount": "true"}
        return integer(await self._get_own("/Items", "/Items", query), "TotalRecordCount") or 0

    async def item(self, item_id: str) -> Item:
        """Return one item with cast, files and external ids."""
        found = jellyfin_items.item(await self._get_own(f"/Items/{item_id}", f"/Items/{item_id}"))
        if found is None:
            raise Missing(f"item {item_id} is of a kind that Vidra does not know")
        return found

    async def seasons(self, show_id: str) -> Sequence[Item]:
        """Return the seasons."""
        query = {"userId": self._user, "fields": _FIELDS, "isMissing": "false"}
        return _items(await self._wire.get(f"/Shows/{show_id}/Seasons", query))

    async def episodes(self, show_id: str) -> Sequence[Item]:
        """Return the episodes of all seasons in one request."""
        query = {"userId": self._user, "fields": _FIELDS, "isMissing": "false"}
        return _items(await self._wire.get(f"/Shows/{show_id}/Episodes", query))

    async def rows(self, *, limit: int = 20) -> Sequence[Row]:
        """Return resume, next up and latest; a row the server refuses is left out."""
        rows = []
        for row_id, kind, title, new, old in _ROWS:
            query: dict[str, str | int] = {"limit": limit, "fields": _FIELDS}
            try:
                found = await self._row(new, old, query)
            except (Missing, Refused) as exc:
                if isinstance(exc, AuthRequired):
                    raise
                continue
            if found:
                rows.append(Row(id=row_id, kind=kind, title=title, items=tuple(found)))
        return rows

    async def search(self, text: str, *, limit: int = 50) -> Sequence[Item]:
        """Search all libraries."""
        query: dict[str, str | int] = {"searchTerm": text, "includeItemTypes": _SEARCHED}
        query |= {"recursive": "true", "limit": limit, "fields": _FIELDS}
        return _items(await self._get_own("/Items", "/Items", query))

    async def markers(self, item_id: str) -> Markers:
        """Return intro and credits; servers before 10.10 have no segments."""
        try:
            return jellyfin_items.markers(await self._wire.get(f"/MediaSegments/{item_id}"))
        except AuthRequired:
            raise
        except (Missing, Refused):
            return Markers()

    async def stream(self, item_id: str) -> Stream:
        """Return the first version's file as it is; no session is opened before something plays."""
        entry = await self.item(item_id)
        path = next((file.stream_path for file in entry.files if file.stream_path), None)
        if path is None:
            raise Missing(f"item {item_id} has no file to play")
        header = authorization(self._identity, self._token)["Authorization"]
        return Stream(url=await self._wire.base() + path, headers={"Authorization": SecretStr(header)})

    async def converted(self, item_id: str, wanted: Conversion) -> Stream:
        """Name the server's HLS playlist; it begins to convert when somebody asks for it."""
        header = authorization(self._identity, self._token)["Authorization"]
        path = jellyfin_items.converted_path(item_id, wanted, device=self._identity.identifier)
        headers = {"Authorization": SecretStr(header)}
        return Stream(url=await self._wire.base() + path, headers=headers, session=wanted.session)

    async def members(self, item_id: str, kind: ItemKind) -> Sequence[Item]:
        """Return the items of a collection or playlist."""
        query: dict[str, str | int] = {"userId": self._user, "fields": _FIELDS, "limit": 500}
        match kind:
            case ItemKind.PLAYLIST:
                return _items(await self._wire.get(f"/Playlists/{item_id}/Items", query))
            case ItemKind.COLLECTION:
                own = {name: value for name, value in query.items() if name != "userId"}
                return _items(await self._get_own("/Items", "/Items", own | {"parentId": item_id}))
            case _:
                return ()

    async def extras(self, item_id: str) -> Sequence[Item]:
        """Return the item's special features."""
        path = f"/Items/{item_id}/SpecialFeatures"
        answer = await self._own(path, path)
        return _items({"Items": answer})

    async def image(self, path: str, *, width: int | None = None, height: int | None = None) -> bytes:
        """Return the picture, scaled by the server if a size is asked for."""
        bare, _, tag = path.partition("?tag=")
        query: dict[str, str | int] = {"tag": tag} if tag else {}
        query |= {} if width is None else {"maxWidth": width}
        query |= {} if height is None else {"maxHeight": height}
        return (await self._wire.request("GET", bare, params=query)).content

    async def report(self, progress: Progress) -> None:
        """Report a playback. A late report sets the user's data directly: sessions know no past."""
        if progress.at is not None:
            await self._set_position(progress)
            return
        body = {
            "ItemId": progress.item_id,
            "PositionTicks": progress.position_ms * jellyfin_items.TICKS_PER_MS,
            "PlaySessionId": progress.session,
        }
        match progress.state:
            case PlaybackState.STOPPED:
                await self._wire.request("POST", "/Sessions/Playing/Stopped", json=body)
            case PlaybackState.PLAYING | PlaybackState.BUFFERING | PlaybackState.PAUSED:
                body |= {"IsPaused": progress.state is PlaybackState.PAUSED, "CanSeek": True}
                await self._wire.request("POST", "/Sessions/Playing/Progress", json=body)
            case _:
                assert_never(progress.state)

    async def mark_watched(self, item_id: str, *, at: datetime | None = None) -> None:
        """Mark as played."""
        date = None if at is None else {"datePlayed": at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")}
        await self._played("POST", item_id, date)

    async def mark_unwatched(self, item_id: str) -> None:
        """Mark as not played."""
        await self._played("DELETE", item_id)

    async def rate(self, item_id: str, rating: float) -> None:
        """Set the user's own rating; servers before 10.9 take none."""
        if not await self._new_paths():
            raise Missing(f"Jellyfin before 10.9 takes no user ratings (item {item_id}, rating {rating:g})")
        await self._set_user_data(item_id, {"Rating": rating})

    async def watch_state(self, item_id: str) -> WatchState:
        """Return the user's watch state."""
        return jellyfin_items.watch_state(await self._get_own(f"/Items/{item_id}", f"/Items/{item_id}"))

    async def refresh(self, path: str | None = None) -> tuple[str, ...] | None:
        """Announce the changed path, or scan everything; the server finds the library by itself."""
        if path is None:
            await self._wire.request("POST", "/Library/Refresh")
            return tuple(section.id for section in await self.sections())
        body = {"Updates": [{"Path": path, "UpdateType": "Created"}]}
        await self._wire.request("POST", "/Library/Media/Updated", json=body)
        return await self._sections_at(path)

    async def holds(self, path: str) -> bool:
        """Look for the file's name, then compare paths; needs a user who may see paths."""
        query = self._listing(None, None) | {
            "includeItemTypes": "Movie,Episode,Video,Audio,MusicVideo",
            "fields": "Path",
            "sortBy": "DateCreated",
            "sortOrder": "Descending",
        }
        async with aclosing(self._pages(query, None, 200)) as pages:
            async for page in pages:
                if any(file.path == path for entry in page.items for file in entry.files):
                    return True
        return False

    async def _verify(self, base: str) -> None:
        self._info = await self._probe(base)

    async def _new_paths(self) -> bool:
        """Whether the server is 10.9 or later, where the user is a query name and not part of the path."""
        await self._wire.base()
        version = (self._info.version if self._info else None) or ""
        parts = [int(part) for part in version.split(".")[:2] if part.isdecimal()]
        return not parts or tuple(parts) >= _NEW_PATHS

    async def _get_own(self, new: str, old: str, query: Query = None) -> Json:
        return as_object(await self._own(new, old, query), new)

    async def _own(self, new: str, old: str, query: Query = None, method: str = "GET") -> object:
        """Request something of this user, by the path this version knows."""
        if await self._new_paths():
            path, params = new, {"userId": self._user, **(query or {})}
        else:
            path, params = f"/Users/{self._user}{old}", dict(query or {})
        return parsed(await self._wire.request(method, path, params=params))

    async def _row(self, new: str, old: str | None, query: Query) -> list[Item]:
        if old is None:
            answer: object = await self._wire.get(new, {"userId": self._user, **(query or {})})
        else:
            answer = await self._own(new, old, query)
        return _items(answer if isinstance(answer, dict) else {"Items": answer})

    async def _played(self, method: str, item_id: str, query: Query = None) -> None:
        await self._own(f"/UserPlayedItems/{item_id}", f"/PlayedItems/{item_id}", query, method)

    async def _set_position(self, progress: Progress) -> None:
        at = progress.at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ") if progress.at else None
        ticks = progress.position_ms * jellyfin_items.TICKS_PER_MS
        await self._set_user_data(progress.item_id, {"PlaybackPositionTicks": ticks, "LastPlayedDate": at})

    async def _set_user_data(self, item_id: str, body: Mapping[str, object]) -> None:
        """Set these fields of what the server knows about this user and item; the others stay."""
        if await self._new_paths():
            path, query = f"/UserItems/{item_id}/UserData", {"userId": self._user}
        else:
            path, query = f"/Users/{self._user}/Items/{item_id}/UserData", {}
        await self._wire.request("POST", path, params=query, json=body)

    async def _sections_at(self, path: str) -> tuple[str, ...] | None:
        """Return the ids of the libraries that hold the path; None if this user may not know."""
        try:
            folders = await self._wire.get_any("/Library/VirtualFolders")
        except AuthRequired:
            raise
        except (Missing, Refused):
            return None  # only administrators see folders; the announcement was accepted all the same
        entries = [entry for entry in folders if isinstance(entry, dict)] if isinstance(folders, list) else []
        return tuple(
            key
            for entry in entries
            if (key := text(entry, "ItemId"))
            and deepest_holder(path, entry.get("Locations") or ()) is not None
        )

    def _listing(self, section: Section | None, kind: ItemKind | None) -> dict[str, str | int]:
        query: dict[str, str | int] = {
            "recursive": "true",
            "fields": _FIELDS,
            "sortBy": "SortName",
            "sortOrder": "Ascending",
            "isMissing": "false",
        }
        if section is not None:
            query["parentId"] = section.id
        if kind is not None:
            query["includeItemTypes"] = jellyfin_items.TYPES[kind]
        return query

    async def _pages(
        self, query: Mapping[str, str | int], section: str | None, size: int
    ) -> AsyncGenerator[Page, None]:
        start, seen = 0, set[str]()
        async with Ahead[Json]() as ahead:
            ahead.ask(self._page(query, start, size))
            while True:
                answer = await ahead.answer()
                raw, total = objects(answer, "Items"), integer(answer, "TotalRecordCount")
                start += len(raw)
                ended = not raw or (len(raw) < size if total is None else start >= total)
                if not ended:
                    ahead.ask(self._page(query, start, size))
                found = [entry for fields in raw if (entry := jellyfin_items.item(fields, section))]
                fresh = tuple(entry for entry in found if entry.id not in seen)
                seen.update(entry.id for entry in fresh)
                if fresh:
                    yield Page(items=fresh, total=total)
                if ended or (found and not fresh):
                    return

    async def _page(self, query: Mapping[str, str | int], start: int, size: int) -> Json:
        return await self._get_own("/Items", "/Items", {**query, "startIndex": start, "limit": size})


_ROWS: Final = (
    ("resume", RowKind.CONTINUE_WATCHING, "Continue watching", "/UserItems/Resume", "/Items/Resume"),
    ("nextup", RowKind.ON_DECK, "Next up", "/Shows/NextUp", None),
    ("latest", RowKind.RECENTLY_ADDED, "Recently added", "/Items/Latest", "/Items/Latest"),
)


def _items(answer: Fields) -> list[Item]:
    return [entry for raw in objects(answer, "Items") if (entry := jellyfin_items.item(raw))]

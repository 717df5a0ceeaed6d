"""A Jellyfin server in memory, of a chosen version: names in any case, ids of 32 hex digits."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.types import Receive, Scope, Send

Fields = dict[str, Any]
TICKS = 10_000
USER_NAME, PASSWORD = "owner", "correct horse"


def key(name: str) -> str:
    """Return a Jellyfin id made from a name."""
    return hashlib.md5(name.encode(), usedforsecurity=False).hexdigest()


USER = key("user")


class NotSignedIn(Exception):
    """The request carries no token that the server knows."""


class NotAllowed(Exception):
    """The user is no administrator."""


@dataclass
class FakeJellyfin:
    """Views and items by id. `version` decides between the old and the new paths."""

    version: str = "10.11.11"
    machine_id: str = field(default_factory=lambda: key("machine"))
    tokens: set[str] = field(default_factory=lambda: {"token-of-user"})
    largest_page: int = 1000
    quick_connect: bool = True
    confirmed: bool = False
    administrator: bool = True
    views: dict[str, Fields] = field(default_factory=dict)
    items: dict[str, Fields] = field(default_factory=dict)
    refreshed: list[Any] = field(default_factory=list)
    sessions: list[tuple[str, Fields]] = field(default_factory=list)
    devices: list[str] = field(default_factory=list)
    exchanges: list[tuple[Request, bytes, int, bytes, str]] = field(default_factory=list)

    def add_view(self, name: str, kind: str | None, *folders: str) -> str:
        """Add a library and return its id."""
        view = {
            "Id": key(name),
            "Name": name,
            "ServerId": self.machine_id,
            "Type": "CollectionFolder",
            "IsFolder": True,
            "_folders": folders,
        }
        self.views[key(name)] = view | ({} if kind is None else {"CollectionType": kind})
        return key(name)

    def add(self, view: str, kind: str, name: str, **fields: Any) -> str:
        """Add an item and return its id."""
        identifier = key(f"{kind}{name}")
        self.items[identifier] = {
            "Id": identifier,
            "Name": name,
            "Type": kind,
            "ServerId": self.machine_id,
            "ParentId": view,
            "RunTimeTicks": 6_000_000 * TICKS,
            "DateCreated": "2024-01-02T03:04:05.1234567Z",
            "Path": f"/media/{name}.mkv",
            "IsFolder": kind in {"Series", "Season"},
            "MediaType": "Unknown" if kind in {"Series", "Season"} else "Video",
            "ProviderIds": {"Tmdb": "603"},
            "ImageTags": {"Primary": "tag1"},
            "BackdropImageTags": ["tag2"],
            "_saved": "2024-01-02T03:04:05",
            "UserData": {
                "PlaybackPositionTicks": 0,
                "PlayCount": 0,
                "IsFavorite": False,
                "Played": False,
                "Key": name,
                "ItemId": identifier,
            },
        } | fields
        return identifier

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve as an ASGI application."""
        request = Request(scope, receive)
        body = await request.body()
        response = await self._respond(request)
        kind = response.headers.get("content-type", "")
        self.exchanges.append((request, body, response.status_code, bytes(response.body), kind))
        await response(scope, receive, send)

    async def _respond(self, request: Request) -> Response:
        for method, pattern, handler in self._routes():
            match = re.fullmatch(pattern, request.url.path, re.IGNORECASE)
            if match and method == request.method:
                return await self._called(request, handler, match, public=pattern in _PUBLIC)
        return Response(status_code=404)

    async def _called(
        self, request: Request, handler: Callable[..., Any], match: re.Match[str], *, public: bool
    ) -> Response:
        query = {name.lower(): value for name, value in request.query_params.items()}
        body = await request.json() if await request.body() else {}
        lowered = {name.lower(): value for name, value in body.items()} if isinstance(body, dict) else {}
        try:
            self._check(request, public=public)
            answer = handler(query, lowered, *match.groups())
        except NotSignedIn:
            return Response(status_code=401)
        except NotAllowed:
            return Response(status_code=403)
        except KeyError:
            return Response("not found", status_code=404, media_type="text/plain")
        return Response(status_code=204) if answer is None else JSONResponse(_shown(answer))

    def _check(self, request: Request, *, public: bool) -> None:
        header = request.headers.get("authorization", "")
        pairs = dict(re.findall(r'(\w+)="([^"]*)"', header)) if header.startswith("MediaBrowser ") else {}
        if device := pairs.get("DeviceId"):
            self.devices.append(device)
        if not public and pairs.get("Token") not in self.tokens:
            raise NotSignedIn

    def _routes(self) -> list[tuple[str, str, Callable[..., Any]]]:
        own = "" if self._new else f"/Users/{USER}"
        routes: list[tuple[str, str, Callable[..., Any]]] = [
            ("GET", "/System/Info/Public", self._info),
            ("POST", "/Users/AuthenticateByName", self._password),
            ("GET", "/QuickConnect/Enabled", lambda *_: self.quick_connect),
            ("POST", "/QuickConnect/Initiate", self._initiate),
            ("GET", "/QuickConnect/Connect", self._initiate),
            ("POST", "/Users/AuthenticateWithQuickConnect", self._by_quick_connect),
            ("GET", "/Users/Me", self._me),
            ("GET", "/Shows/NextUp", lambda *_: _listed([])),
            ("GET", "/Shows/(\\w{32})/Seasons", self._below_show("Season")),
            ("GET", "/Shows/(\\w{32})/Episodes", self._below_show("Episode")),
            ("GET", "/MediaSegments/(\\w{32})", self._segments),
            ("POST", "/Sessions/Playing(/Progress|/Stopped|)", self._playing),
            ("POST", "/Library/Refresh", lambda *_: self.refreshed.append(None)),
            ("POST", "/Library/Media/Updated", lambda _q, body: self.refreshed.append(body["updates"])),
            ("GET", "/Library/VirtualFolders", self._folders),
            ("GET", "/Playlists/(\\w{32})/Items", self._playlist),
        ]
        for prefix in {own, f"/Users/{USER}"}:
            routes += self._own_routes(prefix, new=prefix == "")
        return routes

    @property
    def _new(self) -> bool:
        return [int(part) for part in self.version.split(".")[:2]] >= [10, 9]

    def _own_routes(self, prefix: str, *, new: bool) -> list[tuple[str, str, Callable[..., Any]]]:
        played = "/UserPlayedItems" if new else f"{prefix}/PlayedItems"
        return [
            (
                "GET",
                "/UserViews" if new else f"{prefix}/Views",
                lambda *_: _listed(list(self.views.values())),
            ),
            ("GET", "/UserItems/Resume" if new else f"{prefix}/Items/Resume", self._resume),
            ("GET", f"{prefix}/Items/Latest", lambda *_: list(self.items.values())[-2:]),
            ("GET", f"{prefix}/Items", self._list),
            ("GET", f"{prefix}/Items/(\\w{{32}})", lambda _q, _b, item: self._full(item)),
            ("POST", ("/UserItems" if new else f"{prefix}/Items") + "/(\\w{32})/UserData", self._user_data),
            ("POST", f"{played}/(\\w{{32}})", lambda _q, _b, item: self._set_played(item, played=True)),
            ("DELETE", f"{played}/(\\w{{32}})", lambda _q, _b, item: self._set_played(item, played=False)),
        ]

    def _info(self, *_: Any) -> Fields:
        return {
            "Id": self.machine_id,
            "Version": self.version,
            "ServerName": "Fake",
            "ProductName": "Jellyfin Server",
            "StartupWizardCompleted": True,
        }

    def _me(self, *_: Any) -> Fields:
        return {
            "Id": USER,
            "Name": USER_NAME,
            "ServerId": self.machine_id,
            "HasPassword": True,
            "HasConfiguredPassword": True,
            "HasConfiguredEasyPassword": False,
        }

    def _signed_in(self) -> Fields:
        return {"AccessToken": "token-of-user", "ServerId": self.machine_id, "User": self._me()}

    def _password(self, _query: Fields, body: Fields) -> Fields:
        if (body["username"], body["pw"]) != (USER_NAME, PASSWORD):
            raise NotSignedIn
        return self._signed_in()

    def _initiate(self, *_: Any) -> Fields:
        if not self.quick_connect:
            raise NotSignedIn
        return {
            "Authenticated": self.confirmed,
            "Secret": "quick-secret",
            "Code": "123456",
            "DeviceId": "d",
            "DeviceName": "n",
            "AppName": "a",
            "AppVersion": "v",
            "DateAdded": "2026-11-20T20:00:00.0000000Z",
        }

    def _by_quick_connect(self, _query: Fields, body: Fields) -> Fields:
        if not self.confirmed or body["secret"] != "quick-secret":
            raise NotSignedIn
        return self._signed_in()

    def _list(self, query: Fields, _body: Fields) -> Fields:
        found = list(self.items.values())
        if parent := query.get("parentid"):
            found = [i for i in found if parent in {i["ParentId"], i.get("SeriesId")}]
        if kinds := query.get("includeitemtypes"):
            found = [i for i in found if i["Type"] in kinds.split(",")]
        if text := query.get("searchterm"):
            found = [i for i in found if text.lower() in i["Name"].lower()]
        for name, stored in (("mindatelastsaved", "_saved"), ("mindatelastsavedforuser", "_seen")):
            if since := query.get(name):
                found = [i for i in found if i.get(stored, "") >= since]
        start, limit = int(query.get("startindex", 0)), int(query.get("limit", self.largest_page))
        return _listed(found[start : start + min(limit, self.largest_page)], len(found), start)

    def _full(self, item: str) -> Fields:
        found = self.items[item]
        source = {"Id": item, "Path": found["Path"], "Container": "mkv", "Size": 1000, "Bitrate": 4_000_000}
        streams = [
            {"Type": "Video", "Codec": "h264", "Width": 1920, "Height": 1080},
            {"Type": "Audio", "Codec": "aac"},
        ]
        people = [{"Name": "Keanu", "Type": "Actor", "Role": "Neo", "Id": key("Keanu")}]
        return found | {"MediaSources": [source | {"MediaStreams": streams}], "People": people}

    def _below_show(self, kind: str) -> Callable[..., Fields]:
        def handler(_query: Fields, _body: Fields, show: str) -> Fields:
            assert self.items[show]
            return _listed(
                [i for i in self.items.values() if i["Type"] == kind and i.get("SeriesId") == show]
            )

        return handler

    def _playlist(self, _query: Fields, _body: Fields, playlist: str) -> Fields:
        return _listed([self.items[member] for member in self.items[playlist]["_members"]])

    def _resume(self, *_: Any) -> Fields:
        return _listed([i for i in self.items.values() if i["UserData"]["PlaybackPositionTicks"]])

    def _segments(self, _query: Fields, _body: Fields, item: str) -> Fields:
        if not self.version.startswith(("10.10", "10.11", "12")):
            raise KeyError(item)
        spans = [("Unknown", 0, 5), ("Intro", 10, 70), ("Recap", 0, 9), ("Outro", 5000, 6000)]
        return _listed(
            [
                {
                    "Id": key(name),
                    "ItemId": item,
                    "Type": name,
                    "StartTicks": start * 1000 * TICKS,
                    "EndTicks": end * 1000 * TICKS,
                }
                for name, start, end in spans
            ]
        )

    def _playing(self, _query: Fields, body: Fields, what: str) -> None:
        data = self.items[body["itemid"]]["UserData"]
        self.sessions.append((what, body))
        ticks = int(body["positionticks"])
        share = ticks / int(self.items[body["itemid"]]["RunTimeTicks"])
        data["Played"] = data["Played"] or share > 0.9
        data["PlaybackPositionTicks"] = 0 if share > 0.9 or share < 0.05 else ticks

    def _user_data(self, _query: Fields, body: Fields, item: str) -> Fields:
        data: Fields = self.items[item]["UserData"]
        for name in ("PlaybackPositionTicks", "LastPlayedDate", "Rating"):
            if name.lower() in body:
                data[name] = body[name.lower()]
        return data

    def _set_played(self, item: str, *, played: bool) -> Fields:
        data: Fields = self.items[item]["UserData"]
        data |= {"Played": played, "PlayCount": int(played), "PlaybackPositionTicks": 0}
        self.items[item]["_seen"] = "2026-11-20"
        return data

    def _folders(self, *_: Any) -> list[Fields]:
        if not self.administrator:
            raise NotAllowed
        return [
            {"Name": view["Name"], "ItemId": view["Id"], "Locations": list(view["_folders"])}
            for view in self.views.values()
        ]


_PUBLIC = frozenset(
    {
        "/System/Info/Public",
        "/Users/AuthenticateByName",
        "/QuickConnect/Enabled",
        "/QuickConnect/Initiate",
        "/QuickConnect/Connect",
        "/Users/AuthenticateWithQuickConnect",
    }
)


def _listed(items: list[Fields], total: int | None = None, start: int = 0) -> Fields:
    return {"Items": items, "TotalRecordCount": len(items) if total is None else total, "StartIndex": start}


def _shown(answer: Any) -> Any:
    """Leave out the fields that only the fake itself needs."""
    if isinstance(answer, dict):
        return {name: _shown(value) for name, value in answer.items() if not name.startswith("_")}
    return [_shown(entry) for entry in answer] if isinstance(answer, list) else answer

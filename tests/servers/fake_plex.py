"""A Plex media server in memory: JSON for us, XML for the real `plexapi`, with state that changes."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any
from xml.sax.saxutils import quoteattr

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import Route

Fields = dict[str, Any]
LIBRARY = "com.plexapp.plugins.library"


@dataclass
class FakePlex:
    """Libraries by key; items by rating key. Tests change the attributes at will."""

    machine_id: str = "machine-1"
    tokens: set[str] = field(default_factory=lambda: {"token-of-server"})
    largest_page: int = 1000
    knows_changes: bool = True
    sections: dict[str, Fields] = field(default_factory=dict)
    items: dict[str, Fields] = field(default_factory=dict)
    members: dict[str, list[str]] = field(default_factory=dict)
    """Keys of what a collection or playlist is made of."""
    refreshed: list[tuple[str, str | None]] = field(default_factory=list)
    timelines: list[dict[str, str]] = field(default_factory=list)
    exchanges: list[tuple[Request, bytes, int, bytes, str]] = field(default_factory=list)

    def add_section(self, key: str, title: str, kind: str, *folders: str) -> None:
        """Add a library."""
        self.sections[key] = {
            "key": key,
            "title": title,
            "type": kind,
            "uuid": f"uuid-{key}",
            "agent": "tv.plex.agents.movie",
            "scanner": "Plex Movie",
            "language": "en-US",
            "updatedAt": 1,
            "createdAt": 1,
            "scannedAt": 1,
            "allowSync": True,
            "art": "/:/resources/movie-fanart.jpg",
            "composite": f"/library/sections/{key}/composite/1",
            "filters": True,
            "refreshing": False,
            "thumb": "/:/resources/movie.png",
            "content": True,
            "directory": True,
            "contentChangedAt": 1,
            "hidden": False,
            "Location": [{"id": n, "path": folder} for n, folder in enumerate(folders, 1)],
        }

    def add(self, section: str, kind: str, key: int, title: str, **fields: Any) -> Fields:
        """Add an item with one file, if it is of a kind that plays."""
        item = {
            "ratingKey": str(key),
            "key": f"/library/metadata/{key}",
            "type": kind,
            "title": title,
            "summary": "",
            "librarySectionID": int(section),
            "addedAt": 1_700_000_000 + key,
            "updatedAt": 1_700_000_000 + key,
            "guid": f"plex://{kind}/{key}",
            "thumb": f"/library/metadata/{key}/thumb/1",
        }
        if kind in {"movie", "episode"}:
            path = fields.pop("file", f"/media/{section}/{title}.mkv")
            item |= {"duration": 6_000_000, "Media": [_media(key, path)]}
        self.items[str(key)] = item | fields
        return self.items[str(key)]

    def add_show(self, section: str, key: int, title: str, seasons: int, episodes: int) -> None:
        """Add a show with its seasons and episodes."""
        self.add(
            section, "show", key, title, leafCount=seasons * episodes, viewedLeafCount=0, childCount=seasons
        )
        for s in range(1, seasons + 1):
            season = key + s * 100
            self.add(
                section,
                "season",
                season,
                f"Season {s}",
                index=s,
                parentRatingKey=str(key),
                parentTitle=title,
                leafCount=episodes,
                viewedLeafCount=0,
            )
            for e in range(1, episodes + 1):
                self.add(
                    section,
                    "episode",
                    season + e,
                    f"{title} {s}x{e}",
                    index=e,
                    parentIndex=s,
                    parentRatingKey=str(season),
                    grandparentRatingKey=str(key),
                    grandparentTitle=title,
                    originallyAvailableAt="2020-01-01",
                )

    def app(self) -> Starlette:
        """Return the application; it answers 401 without a known token, but for `/identity`."""
        gets: list[tuple[str, Callable[[Request], Fields | None]]] = [
            ("/", self._root),
            ("/library", self._root),
            ("/library/sections", self._sections),
            ("/library/sections/{key}/all", self._all),
            ("/library/metadata/{key}", self._item),
            ("/library/metadata/{key}/children", self._children),
            ("/library/metadata/{key}/allLeaves", self._leaves),
            ("/library/metadata/{key}/extras", self._extras),
            ("/library/collections/{key}/items", self._members),
            ("/playlists", self._playlists),
            ("/playlists/{key}/items", self._members),
            ("/hubs", self._hubs),
            ("/hubs/continueWatching", self._continue),
            ("/hubs/search", self._search),
            ("/library/onDeck", self._on_deck),
            ("/library/sections/{key}/refresh", self._refresh),
        ]
        routes = [Route("/identity", self._guarded(self._identity, public=True))]
        routes += [Route(path, self._guarded(handler)) for path, handler in gets]
        for path, handler in (
            ("/:/timeline", self._timeline),
            ("/:/scrobble", self._scrobble),
            ("/:/unscrobble", self._unscrobble),
            ("/:/rate", self._rate),
        ):
            routes.append(Route(path, self._guarded(handler), methods=["GET", "PUT", "POST"]))
        return Starlette(routes=routes)

    def _guarded(self, handler: Callable[[Request], Fields | None], *, public: bool = False) -> Any:
        async def endpoint(request: Request) -> Response:
            body = await request.body()
            token = request.headers.get("x-plex-token") or request.query_params.get("X-Plex-Token")
            response: Response
            if not public and token not in self.tokens:
                response = HTMLResponse("<h1>401 Unauthorized</h1>", status_code=401)
            else:
                response = self._rendered(request, handler)
            self.exchanges.append(
                (
                    request,
                    body,
                    response.status_code,
                    bytes(response.body),
                    response.headers.get("content-type", ""),
                )
            )
            return response

        return endpoint

    @staticmethod
    def _rendered(request: Request, handler: Callable[[Request], Fields | None]) -> Response:
        try:
            container = handler(request)
        except KeyError:
            return HTMLResponse("<h1>404 Not Found</h1>", status_code=404)
        if container is None:
            return Response(status_code=200)
        if request.headers.get("accept") == "application/json":
            return Response(json.dumps({"MediaContainer": container}), media_type="application/json")
        return Response(_xml("MediaContainer", container), media_type="application/xml")

    def _identity(self, _request: Request) -> Fields:
        return {"size": 0, "machineIdentifier": self.machine_id, "version": "1.41.0.8994", "claimed": True}

    def _root(self, request: Request) -> Fields:
        return self._identity(request) | {
            "friendlyName": "Fake",
            "myPlexUsername": "owner",
            "allowMediaDeletion": True,
            "identifier": LIBRARY,
        }

    def _sections(self, _request: Request) -> Fields:
        return {"size": len(self.sections), "Directory": list(self.sections.values())}

    def _all(self, request: Request) -> Fields:
        key, query = request.path_params["key"], request.query_params
        assert self.sections[key]
        default = {"movie": 1, "show": 2, "artist": 8, "photo": 13}[self.sections[key]["type"]]
        kind = _KINDS.get(int(query.get("type", default)))
        found = [
            i for i in self.items.values() if str(i.get("librarySectionID")) == key and i["type"] == kind
        ]
        for name in ("updatedAt", "lastViewedAt"):
            if since := query.get(f"{name}>>") or query.get(f"{name}>"):
                found = [i for i in found if i.get(name, 0) >= int(since)]
        if path := query.get("file"):
            found = [i for i in found if path == i.get("Media", [{}])[0].get("Part", [{}])[0].get("file")]
        container = self._page(request, found) | {"librarySectionID": int(key), "librarySectionTitle": "x"}
        if query.get("includeMeta") == "1":
            container["Meta"] = _meta(str(kind), knows_changes=self.knows_changes)
        return container

    def add_playlist(self, key: int, title: str, *members: int) -> None:
        """Add a playlist, which belongs to no library."""
        self.add("0", "playlist", key, title, leafCount=len(members), playlistType="video", smart=False)
        del self.items[str(key)]["librarySectionID"], self.items[str(key)]["thumb"]
        self.items[str(key)] |= {
            "composite": f"/playlists/{key}/composite/1",
            "key": f"/playlists/{key}/items",
        }
        self.members[str(key)] = [str(member) for member in members]

    def _playlists(self, request: Request) -> Fields:
        return self._page(request, [i for i in self.items.values() if i["type"] == "playlist"])

    def _members(self, request: Request) -> Fields:
        return self._page(request, [self.items[key] for key in self.members[request.path_params["key"]]])

    def _page(self, request: Request, found: list[Fields]) -> Fields:
        def window(name: str, default: int) -> int:
            return int(request.headers.get(name) or request.query_params.get(name) or default)

        start = window("X-Plex-Container-Start", 0)
        size = min(window("X-Plex-Container-Size", self.largest_page), self.largest_page)
        part = found[start : start + size]
        return {
            "size": len(part),
            "offset": start,
            "totalSize": len(found),
            "identifier": LIBRARY,
            "Metadata": part,
        }

    def _item(self, request: Request) -> Fields:
        item = dict(self.items[request.path_params["key"]])
        if request.query_params.get("includeMarkers") != "1":
            item.pop("Marker", None)
        return {"size": 1, "identifier": LIBRARY, "Metadata": [item]}

    def _extras(self, request: Request) -> Fields:
        key = request.path_params["key"]
        assert self.items[key]
        trailer = {
            "ratingKey": f"9{key}",
            "key": f"/9{key}",
            "type": "clip",
            "title": "Trailer",
            "addedAt": 1,
        }
        return {"size": 1, "Metadata": [trailer | {"duration": 90_000, "subtype": "trailer"}]}

    def _below(self, key: str, name: str, kind: str) -> list[Fields]:
        assert self.items[key]
        return [i for i in self.items.values() if i.get(name) == key and i["type"] == kind]

    def _children(self, request: Request) -> Fields:
        key = request.path_params["key"]
        kind = {"show": "season", "season": "episode"}[self.items[key]["type"]]
        return self._page(request, self._below(key, "parentRatingKey", kind))

    def _leaves(self, request: Request) -> Fields:
        return self._page(request, self._below(request.path_params["key"], "grandparentRatingKey", "episode"))

    def _started(self) -> list[Fields]:
        return [i for i in self.items.values() if i.get("viewOffset")]

    def _continue(self, _request: Request) -> Fields:
        return _hubs(_hub("home.continue", "Continue Watching", self._started()))

    def _hubs(self, _request: Request) -> Fields:
        newest = sorted(self.items.values(), key=lambda i: -int(i["addedAt"]))[:3]
        music = [{"ratingKey": "9", "key": "/9", "type": "track", "title": "song", "addedAt": 1}]
        return _hubs(
            _hub("home.continue", "Continue Watching", self._started()),
            _hub("library.recentlyAdded.1", "Recently Added", newest),
            _hub("music.recent", "Music", music),
            _hub("movie.toprated", "Empty", []),
            _hub("home.playlists", "Playlists", [i for i in self.items.values() if i["type"] == "playlist"]),
        )

    def _search(self, request: Request) -> Fields:
        wanted = request.query_params["query"].lower()
        return _hubs(
            _hub("movie", "Movies", [i for i in self.items.values() if wanted in i["title"].lower()])
        )

    def _on_deck(self, request: Request) -> Fields:
        return self._page(request, self._started())

    def _refresh(self, request: Request) -> None:
        assert self.sections[request.path_params["key"]]
        self.refreshed.append((request.path_params["key"], request.query_params.get("path")))

    def _timeline(self, request: Request) -> Fields:
        query = dict(request.query_params)
        item = self.items[query["ratingKey"]]
        self.timelines.append(query | {"session": request.headers.get("x-plex-session-identifier", "")})
        if int(query["time"]) > 0.9 * int(query["duration"]):
            self._seen(item)
        else:
            item["viewOffset"] = int(query["time"])
        return {"size": 0}

    def _scrobble(self, request: Request) -> None:
        assert request.query_params["identifier"] == LIBRARY
        self._seen(self.items[request.query_params["key"]])

    def _unscrobble(self, request: Request) -> None:
        assert request.query_params["identifier"] == LIBRARY
        for name in ("viewCount", "viewOffset", "lastViewedAt"):
            self.items[request.query_params["key"]].pop(name, None)

    def _rate(self, request: Request) -> None:
        assert request.query_params["identifier"] == LIBRARY
        self.items[request.query_params["key"]]["userRating"] = float(request.query_params["rating"])

    @staticmethod
    def _seen(item: Fields) -> None:
        item["viewCount"] = item.get("viewCount", 0) + 1
        item["lastViewedAt"] = 1_800_000_000
        item.pop("viewOffset", None)


def _media(key: int, path: str) -> Fields:
    part = {
        "id": key,
        "key": f"/library/parts/{key}/1/file.mkv",
        "file": path,
        "size": 1000,
        "container": "mkv",
    }
    return {
        "id": key,
        "bitrate": 4000,
        "width": 1920,
        "height": 1080,
        "videoCodec": "h264",
        "audioCodec": "aac",
        "container": "mkv",
        "Part": [part],
    }


def _meta(kind: str, *, knows_changes: bool) -> Fields:
    names = ["title", "updatedAt", "lastViewedAt"] if knows_changes else ["title"]
    fields = [{"key": f"{kind}.{name}", "title": name, "type": "date"} for name in names]
    return {"Type": [{"key": "/x", "type": kind, "title": kind, "active": True, "Field": fields}]}


def _hub(identifier: str, title: str, items: Iterable[Fields]) -> Fields:
    found = list(items)
    return {
        "hubIdentifier": identifier,
        "title": title,
        "type": "mixed",
        "key": f"/{identifier}",
        "size": len(found),
        "more": False,
        "Metadata": found,
    }


def _hubs(*hubs: Fields) -> Fields:
    return {"size": len(hubs), "Hub": list(hubs)}


def _xml(tag: str, fields: Fields) -> str:
    """Return the same container as XML: values as attributes, lists as children of the list's name."""
    children, attributes = [], []
    for name, value in fields.items():
        if isinstance(value, list):
            children += [_xml(_TAGS.get((name, entry.get("type")), name), entry) for entry in value]
        elif isinstance(value, dict):
            children.append(_xml(name, value))
        else:
            shown = int(value) if isinstance(value, bool) else value
            attributes.append(f" {name}={quoteattr(str(shown))}")
    return f"<{tag}{''.join(attributes)}>{''.join(children)}</{tag}>"


_KINDS = {
    1: "movie",
    2: "show",
    3: "season",
    4: "episode",
    8: "artist",
    9: "album",
    10: "track",
    12: "clip",
    13: "photo",
    18: "collection",
}
_TAGS = {
    ("Metadata", "movie"): "Video",
    ("Metadata", "episode"): "Video",
    ("Metadata", "show"): "Directory",
    ("Metadata", "season"): "Directory",
    ("Metadata", "track"): "Track",
    ("Metadata", "playlist"): "Playlist",
}

"""A Plex server with a large library and real-looking payloads, in a process of its own.

`python -m benchmarks.library_server MOVIES SHOWS EPISODES` prints its address and serves until its
standard input ends. Items are rendered once, as JSON and as XML, so that what is measured is the client.
"""

from __future__ import annotations

import asyncio
import json
import random
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from xml.sax.saxutils import quoteattr

from starlette.types import Receive, Scope, Send

LATENCY = 0.005
"""Seconds before each answer."""
TOKEN = "token-of-server"  # noqa: S105 - the fake server's
START = 1_600_000_000
_TAGS = {"movie": "Video", "episode": "Video", "show": "Directory", "season": "Directory"}


class Library:
    """Items by kind, rendered."""

    def __init__(self, movies: int, shows: int, episodes: int) -> None:
        self._words = _words()
        self._random = random.Random(7)
        self.items: dict[str, list[dict[str, Any]]] = {"movie": [], "show": [], "season": [], "episode": []}
        self.json: dict[str, list[bytes]] = {}
        self.xml: dict[str, list[bytes]] = {}
        for number in range(movies):
            self._movie(number)
        per_show = max(1, episodes // shows) if shows else 0
        for number in range(shows):
            self._show(number, per_show)
        for kind in self.items:
            self._render(kind)

    def change(self, count: int) -> None:
        """Let some items of each kind change now, as seen by the server's clock."""
        now = int(time.time())
        for kind, share in (("movie", count // 2), ("episode", count - count // 2)):
            for item in self.items[kind][10 : 10 + share]:
                item |= {"updatedAt": now, "title": f"{item['title']} (restored)"}
            self._render(kind)

    def _render(self, kind: str) -> None:
        self.json[kind] = [json.dumps(item).encode() for item in self.items[kind]]
        self.xml[kind] = [_xml(_TAGS[kind], item).encode() for item in self.items[kind]]

    def _movie(self, number: int) -> None:
        key = number + 1
        self.items["movie"].append(
            self._item("movie", key, 1, words=60)
            | {
                "studio": self._text(2),
                "year": 1950 + number % 75,
                "rating": 7.1,
                "ratingImage": "rottentomatoes://image.rating.ripe",
                "audienceRating": 8.2,
                "audienceRatingImage": "rottentomatoes://image.rating.upright",
                "contentRating": "PG-13",
                "Genre": [{"tag": "Drama"}, {"tag": "Comedy"}],
                "Country": [{"tag": "United Kingdom"}],
                "Director": [{"tag": self._text(2)}],
                "Writer": [{"tag": self._text(2)}],
                "Role": [{"tag": self._text(2)} for _ in range(3)],
                "Guid": [{"id": f"imdb://tt{key:07}"}, {"id": f"tmdb://{key}"}, {"id": f"tvdb://{key}"}],
            }
        )

    def _show(self, number: int, episodes: int) -> None:
        key, title = 1_000_000 + number * 1000, self._text(2)
        show: dict[str, Any] = self._item("show", key, 2, words=60) | {
            "title": title,
            "leafCount": episodes,
            "year": 2001,
        }
        show |= {"viewedLeafCount": 0, "childCount": 1, "Guid": [{"id": f"tvdb://{key}"}]}
        self.items["show"].append(show)
        seasons = range(1, (episodes - 1) // 20 + 2)
        for season in seasons:
            fields: dict[str, Any] = {
                "title": f"Season {season}",
                "index": season,
                "parentRatingKey": str(key),
            }
            fields |= {"parentTitle": title, "leafCount": 20, "viewedLeafCount": 0}
            self.items["season"].append(self._item("season", key + season, 2, words=0) | fields)
        for episode in range(episodes):
            self._episode(key, title, episode)

    def _episode(self, show: int, title: str, episode: int) -> None:
        season, index = divmod(episode, 20)
        key = show + 100 + episode
        self.items["episode"].append(
            self._item("episode", key, 2, words=35)
            | {
                "index": index + 1,
                "parentIndex": season + 1,
                "parentTitle": f"Season {season + 1}",
                "parentRatingKey": str(show + season + 1),
                "parentThumb": f"/library/metadata/{show + season + 1}/thumb/{START}",
                "grandparentRatingKey": str(show),
                "grandparentTitle": title,
                "grandparentThumb": f"/library/metadata/{show}/thumb/{START}",
                "contentRating": "TV-14",
                "originallyAvailableAt": "2001-03-31",
                "Director": [{"tag": self._text(2)}],
                "Writer": [{"tag": self._text(2)}],
                "Guid": [{"id": f"tvdb://{key}"}, {"id": f"tmdb://{key}"}],
            }
        )

    def _item(self, kind: str, key: int, section: int, *, words: int) -> dict[str, Any]:
        item: dict[str, Any] = {
            "ratingKey": str(key),
            "key": f"/library/metadata/{key}",
            "guid": f"plex://{kind}/{key:024x}",
            "type": kind,
            "title": self._text(3).title(),
            "librarySectionTitle": "Films" if section == 1 else "Series",
            "librarySectionID": section,
            "librarySectionKey": f"/library/sections/{section}",
            "summary": self._text(words),
            "thumb": f"/library/metadata/{key}/thumb/{START}",
            "art": f"/library/metadata/{key}/art/{START}",
            "addedAt": START + key % 1_000_000,
            "updatedAt": START + key % 1_000_000,
        }
        if kind in {"movie", "episode"}:
            item |= {"duration": 5_400_000, "viewCount": 1, "lastViewedAt": START} if key % 5 == 0 else {}
            item |= {"duration": 5_400_000, "Media": [self._media(key)]}
        return item

    def _media(self, key: int) -> dict[str, Any]:
        part: dict[str, Any] = {
            "id": key,
            "key": f"/library/parts/{key}/{START}/file.mkv",
            "duration": 5_400_000,
        }
        part |= {"file": f"/data/media/{self._text(6)}.mkv", "size": 1_234_567_890, "container": "mkv"}
        media: dict[str, Any] = {
            "id": key,
            "duration": 5_400_000,
            "bitrate": 4000,
            "width": 1920,
            "height": 1080,
        }
        media |= {"aspectRatio": 1.78, "audioChannels": 6, "audioCodec": "aac", "videoCodec": "h264"}
        media |= {"videoResolution": "1080", "container": "mkv", "videoFrameRate": "24p", "Part": [part]}
        return media

    def _text(self, words: int) -> str:
        return " ".join(self._random.choices(self._words, k=words))


class Server:
    """An ASGI application; answers JSON or XML, as asked."""

    def __init__(self, library: Library) -> None:
        self._library = library
        self.requests = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request after the latency."""
        if scope["type"] != "http":
            return
        await receive()
        query = _parsed(scope["query_string"].decode())
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["path"].startswith("/control/"):
            body, kind = self._control(scope["path"], query), "application/json"
        else:
            self.requests += 1
            await asyncio.sleep(LATENCY)
            as_json = "json" in headers.get("accept", "")
            body = self._answer(scope["path"], query, headers, as_json=as_json)
            kind = "application/json" if as_json else "application/xml"
        start: dict[str, Any] = {"type": "http.response.start", "status": 200 if body else 404}
        length = str(len(body)).encode()
        await send(start | {"headers": [(b"content-type", kind.encode()), (b"content-length", length)]})
        await send({"type": "http.response.body", "body": body})

    def _control(self, path: str, query: dict[str, str]) -> bytes:
        if path == "/control/change":
            self._library.change(int(query["count"]))
        told, self.requests = self.requests, 0
        return json.dumps({"requests": told}).encode()

    def _answer(self, path: str, query: dict[str, str], headers: dict[str, str], *, as_json: bool) -> bytes:
        if path in {"/", "/identity", "/library"}:
            facts: dict[str, Any] = {
                "machineIdentifier": "machine-1",
                "version": "1.41.0.8994",
                "friendlyName": "Fake",
            }
            return _container(facts | {"size": 0, "title1": "Plex Library"}, [], as_json=as_json)
        if path == "/library/sections":
            return self._sections(as_json=as_json)
        if path.startswith("/library/sections/") and path.endswith("/all"):
            return self._all(path.split("/")[3], query, headers, as_json=as_json)
        if path.startswith("/hubs") or path == "/playlists":
            return _container({"size": 0}, [], as_json=as_json)
        return b""

    def _sections(self, *, as_json: bool) -> bytes:
        sections = [
            {
                "key": key,
                "title": title,
                "type": kind,
                "uuid": key,
                "agent": "a",
                "scanner": "s",
                "language": "en-US",
                "updatedAt": START,
                "createdAt": START,
                "scannedAt": START,
            }
            for key, title, kind in (("1", "Films", "movie"), ("2", "Series", "show"))
        ]
        rendered = [
            json.dumps(one).encode() if as_json else _xml("Directory", one).encode() for one in sections
        ]
        return _container({"size": 2, "title1": "Plex Library"}, rendered, as_json=as_json, name="Directory")

    def _all(self, section: str, query: dict[str, str], headers: dict[str, str], *, as_json: bool) -> bytes:
        default = "1" if section == "1" else "2"
        kind = {"1": "movie", "2": "show", "3": "season", "4": "episode"}.get(query.get("type", default), "")
        if (kind == "movie") != (section == "1") or not kind:
            items, rendered = [], list[bytes]()
        else:
            items, rendered = (
                self._library.items[kind],
                (self._library.json if as_json else self._library.xml)[kind],
            )
        for name in ("updatedAt", "lastViewedAt"):
            since = query.get(f"{name}>>")
            if since is not None:
                chosen = [n for n, item in enumerate(items) if item.get(name, 0) >= int(since)]
                rendered = [rendered[n] for n in chosen]
        start = int(headers.get("x-plex-container-start") or query.get("X-Plex-Container-Start") or 0)
        size = int(headers.get("x-plex-container-size") or query.get("X-Plex-Container-Size") or 100)
        page = rendered[start : start + size]
        facts: dict[str, Any] = {"size": len(page), "offset": start, "totalSize": len(rendered)}
        facts |= {"librarySectionID": int(section), "identifier": "com.plexapp.plugins.library"}
        if as_json and query.get("includeMeta"):
            field = {"key": f"{kind}.updatedAt", "title": "x", "type": "date"}
            facts["Meta"] = {"Type": [{"type": kind, "Field": [field]}]}
        return _container(facts, page, as_json=as_json)


def _container(
    facts: dict[str, Any], rendered: list[bytes], *, as_json: bool, name: str = "Metadata"
) -> bytes:
    if as_json:
        head = json.dumps(facts).encode()[:-1]
        return b'{"MediaContainer":%b,"%b":[%b]}}' % (head, name.encode(), b",".join(rendered))
    attributes = "".join(f" {key}={quoteattr(str(value))}" for key, value in facts.items())
    return f"<MediaContainer{attributes}>".encode() + b"".join(rendered) + b"</MediaContainer>"


def _xml(tag: str, fields: dict[str, Any]) -> str:
    plain = {name: value for name, value in fields.items() if not isinstance(value, list)}
    attributes = "".join(f" {name}={quoteattr(str(value))}" for name, value in plain.items())
    children = "".join(
        _xml(name, entry) for name, value in fields.items() if isinstance(value, list) for entry in value
    )
    return f"<{tag}{attributes}>{children}</{tag}>"


def _parsed(query: str) -> dict[str, str]:
    from urllib.parse import parse_qsl  # noqa: PLC0415 - the server's process only

    return dict(parse_qsl(query, keep_blank_values=True))


def _words() -> list[str]:
    chance = random.Random(3)
    letters = "abcdefghijklmnopqrstuvwxyz"
    return ["".join(chance.choices(letters, k=chance.randint(2, 10))) for _ in range(5000)]


@contextmanager
def large_server(movies: int, shows: int, episodes: int) -> Iterator[str]:
    """Run the server in a process of its own and yield its address."""
    command = [sys.executable, "-m", "benchmarks.library_server", str(movies), str(shows), str(episodes)]
    folder = Path(__file__).parents[1]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=folder
    ) as process:
        assert process.stdout is not None
        assert process.stdin is not None
        try:
            yield process.stdout.readline().strip()
        finally:
            process.stdin.close()
            process.wait(20)


def main() -> None:
    """Serve until the standard input ends."""
    import threading  # noqa: PLC0415 - the server's process only

    import uvicorn  # noqa: PLC0415 - the same

    app: Any = Server(Library(*map(int, sys.argv[1:])))
    server = uvicorn.Server(uvicorn.Config(app, port=0, lifespan="off", log_level="critical"))

    def announce() -> None:
        """Tell the address once there is one, and end with the parent."""
        while not server.started:
            time.sleep(0.01)
        port = server.servers[0].sockets[0].getsockname()[1]
        sys.stdout.write(f"http://127.0.0.1:{port}\n")
        sys.stdout.flush()
        sys.stdin.read()
        server.should_exit = True

    threading.Thread(target=announce, daemon=True).start()
    server.run()


if __name__ == "__main__":
    main()

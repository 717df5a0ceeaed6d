"""Tickets: streams and pictures without the server's token, for a while, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from tests.api.serving import TOKEN, Shim, settings_in, shim
from tests.library.syncing import Desk
from tests.servers.fake_plex import FakePlex
from tests.servers.serving import Served, served
from tests.servers.sources import PLEX_TOKEN, plex_with_library
from vidra.api.tickets import Claim, checked, signed
from vidra.connections import Candidate, Standing
from vidra.credentials import Place, open_credentials
from vidra.engine.library.shelves import open_shelf
from vidra.settings import Settings
from vidra.state import open_state
from vidra.state.source_interface import Source, SourceKind

FILM = bytes(range(256)) * 40
JPEG = b"\xff\xd8\xff\xe0" + b"picture" * 10
CONVERTER = "/video/:/transcode/universal/"
AT = "2026-11-20T20:00:00.000000Z"


class Media:
    """What the fake server hands out besides its lists."""

    def __init__(self, fake: FakePlex) -> None:
        self.tokens: list[str | None] = []
        self.pictures = 0
        self.kind = "video/x-matroska"
        self.asked: list[dict[str, str]] = []
        self.playlist = "#EXTM3U\n#EXT-X-STREAM-INF:BANDWIDTH=1\nsession/abc/base/index.m3u8\n"
        self.app: Any = fake.app()
        self.app.router.routes += [
            Route("/library/parts/{a}/{b}/{c}", self._file),
            Route("/library/metadata/{key}/thumb/{n}", self._picture),
            Route("/photo/:/transcode", self._picture),
            Route(f"{CONVERTER}start.m3u8", self._playlist),
            Route(f"{CONVERTER}session/{{session}}/base/{{name}}", self._piece),
        ]

    async def _file(self, request: Request) -> Response:
        self.tokens.append(request.headers.get("x-plex-token"))
        headers = {"Accept-Ranges": "bytes", "Content-Type": self.kind}
        if asked := request.headers.get("range"):
            first, _, last = asked.removeprefix("bytes=").partition("-")
            part = FILM[int(first) : int(last) + 1]
            headers["Content-Range"] = f"bytes {first}-{last}/{len(FILM)}"
            return Response(part, status_code=206, headers=headers)
        return Response(FILM, headers=headers)

    async def _playlist(self, request: Request) -> Response:
        self.tokens.append(request.headers.get("x-plex-token"))
        self.asked.append(dict(request.query_params))
        return Response(self.playlist, media_type="application/x-mpegURL")

    async def _piece(self, request: Request) -> Response:
        self.tokens.append(request.headers.get("x-plex-token"))
        if request.path_params["name"] == "index.m3u8":
            return Response(
                "#EXTM3U\n#EXTINF:3,\n00000.ts?X-Plex-Token=secret&n=1\n", media_type="application/x-mpegURL"
            )
        return Response(FILM[:100], media_type="video/mp2t")

    async def _picture(self, _request: Request) -> Response:
        self.pictures += 1
        return Response(JPEG, media_type="text/html")


@pytest.fixture
def plex() -> Media:
    """Return a server with files and pictures."""
    fake = plex_with_library()
    fake.items["1"]["Marker"] = [{"type": "intro", "startTimeOffset": 1000, "endTimeOffset": 61_000}]
    return Media(fake)


@pytest.fixture
def server(plex: Media) -> Iterator[Served]:
    """Serve it."""
    with served(plex.app) as running:
        yield running


@pytest.fixture
def api(tmp_path: Path, server: Served) -> Iterator[Shim]:
    """Serve a library whose server answers."""
    plain = settings_in(tmp_path)
    settings = Settings.model_validate(
        plain.model_dump(exclude={"server"}) | {"credentials": {"place": "file"}}
    )
    with open_shelf(settings.storage, "home") as store:
        Desk(store, plex_with_library()).sync()
    open_credentials(settings.storage.data_dir, place=Place.FILE).save(
        "source:home", "token", SecretStr(PLEX_TOKEN)
    )
    standing = Standing(candidates=(Candidate(uri=server.url, local=True),)).model_dump(mode="json")
    with open_state(settings.storage.data_dir) as state:
        state.sources.add(
            Source(
                source_id="home", name="Home", type=SourceKind.PLEX, machine_id="machine-1",
                standing=standing, created_at=AT, updated_at=AT,
            )
        )  # fmt: skip
    with shim(tmp_path, settings=settings) as running:
        yield running


def ticket(api: Shim, kind: str = "stream", **size: int) -> str:
    """Return the address of a film's file or picture."""
    with api.client() as client:
        answer = client.post("/api/v1/library/tickets", json={"item": "home/1/movie/1", "kind": kind, **size})
    assert answer.status_code == 201, answer.text
    return str(answer.json()["url"])


def test_a_stream_needs_no_token_and_shows_none(api: Shim, plex: Media) -> None:
    """The server is shown its token by us; nothing of it reaches the client."""
    with api.stranger() as player:
        answer = player.get(ticket(api))
    assert (answer.status_code, answer.content) == (200, FILM)
    assert plex.tokens == [PLEX_TOKEN]
    assert PLEX_TOKEN not in str(answer.headers) + ticket(api)


def test_a_range_is_passed_through(api: Shim) -> None:
    """So that players can seek."""
    with api.stranger() as player:
        answer = player.get(ticket(api), headers={"Range": "bytes=100-199"})
    assert (answer.status_code, answer.content) == (206, FILM[100:200])
    assert answer.headers["content-range"] == f"bytes 100-199/{len(FILM)}"


def test_a_picture_is_fetched_once_and_shown_while_the_server_is_away(
    api: Shim, plex: Media, server: Served
) -> None:
    """What is no picture by its name is one by its bytes; the second answer comes from the disk."""
    address = ticket(api, "thumb", width=320)
    with api.stranger() as viewer:
        first = viewer.get(address)
        server.stop()
        second = viewer.get(address)
    assert (first.status_code, first.headers["content-type"]) == (200, "image/jpeg")
    assert (second.content, plex.pictures) == (JPEG, 1)


def test_a_page_that_poses_as_a_film_is_not_handed_out(api: Shim, plex: Media) -> None:
    """Only media types of media."""
    plex.kind = "text/html"
    with api.stranger() as player:
        assert player.get(ticket(api)).status_code >= 400


def test_a_converted_film_is_played_by_addresses_of_ours(api: Shim, plex: Media) -> None:
    """From playlist to playlist to piece, as a player goes; the server's token and address stay here."""
    with httpx.Client(base_url=api.base) as player:
        first = player.get(ticket(api, "hls", height=720))
        second = player.get(first.text.splitlines()[-1])
        piece = player.get(second.text.splitlines()[-1])
    assert first.headers["content-type"].startswith("application/vnd.apple.mpegurl")
    assert (plex.asked[0]["videoResolution"], plex.asked[0]["path"]) == ("1280x720", "/library/metadata/1")
    assert (piece.content, piece.headers["content-type"]) == (FILM[:100], "video/mp2t")
    assert plex.tokens == [PLEX_TOKEN] * 3
    assert "secret" not in second.text
    assert second.text.splitlines()[-1].endswith("?n=1")


@pytest.mark.parametrize(
    "piece",
    [
        "../../../library/sections",
        "session/a/base/../../start.m3u8",
        "start.m3u8",
        "session/a/base/x.exe",
        "",
    ],
)
def test_a_ticket_for_a_film_opens_its_pieces_only(api: Shim, plex: Media, piece: str) -> None:
    """Whatever is written below it."""
    address = ticket(api, "hls").removesuffix("main.m3u8") + piece.replace("/", "%2F", 1)
    with httpx.Client(base_url=api.base) as player:
        assert player.get(address).status_code == 404
    assert plex.tokens == []


@pytest.mark.parametrize(
    "line", ["http://elsewhere.test/a.ts", "/library/sections/1/all", "../../../library/x.ts"]
)
def test_a_playlist_that_leads_elsewhere_is_not_handed_out(api: Shim, plex: Media, line: str) -> None:
    """Neither to another host nor to the rest of the server."""
    plex.playlist = f"#EXTM3U\n{line}\n"
    with httpx.Client(base_url=api.base) as player:
        answer = player.get(ticket(api, "hls"))
    assert answer.status_code == 404
    assert line not in answer.text


@pytest.mark.parametrize("spoilt", ["x", "x.y", "..%2f..", "a" * 1999])
def test_what_is_no_ticket_of_ours_opens_nothing(api: Shim, spoilt: str, plex: Media) -> None:
    """Neither rubbish nor a changed one."""
    good = ticket(api)
    with api.stranger() as thief:
        assert thief.get(f"/api/v1/media/{spoilt}").status_code in {403, 404}
        assert thief.get(good[:-2] + "AA").status_code == 403
        assert thief.post(good).status_code == 401
    assert plex.tokens == []


def test_a_ticket_ends_with_its_time_and_with_the_token() -> None:
    """And says nothing else than what was signed."""
    claim = Claim(item="home/1/movie/1", kind="stream", expires=100)
    made = signed(claim, TOKEN)
    assert checked(made, TOKEN, now=99) == claim
    assert checked(made, TOKEN, now=100) is None
    assert checked(made, "another", now=99) is None


def test_a_closer_look_tells_markers_and_extras_and_is_kept(api: Shim, server: Served) -> None:
    """Asked of the server once; what it said is shown while it is away."""
    path = "/api/v1/library/items/home/1/movie/1"
    with api.client() as client:
        assert "markers" not in client.get(path).json()
        page = client.get(path, params={"live": True}).json()
        server.stop()
        again = client.get(path, params={"live": True})
    assert page["markers"]["intro"] == {"start_ms": 1000, "end_ms": 61_000}
    assert [extra["title"] for extra in page["extras"]] == ["Trailer"]
    assert (again.status_code, again.json()["markers"]) == (200, page["markers"])

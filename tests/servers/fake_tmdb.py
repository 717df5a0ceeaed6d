"""A small TMDB: pages of films and shows, a key, faults; it notes when it was asked for what."""

from __future__ import annotations

import time
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

KEY = "0123456789abcdef0123456789abcdef"
TOKEN = "head.body.signature"


class FakeTmdb:
    """Answers as the API description says, for the calls that are used."""

    def __init__(self) -> None:
        self.pages: dict[str, dict[str, Any]] = {
            "movie/603": {
                "id": 603, "overview": "A hacker learns.", "vote_average": 8.2, "vote_count": 26000,
                "poster_path": "/poster.jpg", "backdrop_path": "/back.jpg", "imdb_id": "tt0133093",
                "genres": [{"id": 28, "name": "Action"}],
                "external_ids": {"imdb_id": "tt0133093", "wikidata_id": "Q83495"},
            },
            "movie/348": {"id": 348, "overview": "In space.", "vote_average": 0.0, "vote_count": 0},
            "tv/1396": {"id": 1396, "overview": "A teacher.", "external_ids": {"tvdb_id": 81189}},
            "tv/1396/season/1": {"season_number": 1, "episodes": [{
                "episode_number": 1, "name": "Pilot", "overview": "It begins.", "air_date": "2008-01-20",
                "vote_average": 7.7, "vote_count": 12, "still_path": "/still.jpg",
            }, {"episode_number": 2, "overview": "It goes on."}]},
        }  # fmt: skip
        self.refusals = 0
        """How many further requests are answered with 429."""
        self.retry_after = "0"
        self.asked: list[str] = []
        self.moments: list[float] = []

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(routes=[Route("/3/{path:path}", self._answer)])

    async def _answer(self, request: Request) -> Response:
        path = request.path_params["path"]
        self.asked.append(path)
        self.moments.append(time.monotonic())
        given = request.headers.get("authorization") or request.query_params.get("api_key")
        if given not in {KEY, f"Bearer {TOKEN}"}:
            return JSONResponse({"status_code": 7, "status_message": "Invalid API key"}, 401)
        if self.refusals:
            self.refusals -= 1
            return JSONResponse({"status_code": 25}, 429, headers={"Retry-After": self.retry_after})
        if path == "configuration":
            return JSONResponse({"images": {}})
        if path.startswith("find/"):
            return JSONResponse(self._find(path.removeprefix("find/"), request.query_params))
        page = self.pages.get(path)
        if page is None:
            return JSONResponse({"status_code": 34, "success": False}, 404)
        asked_too = request.query_params.get("append_to_response") == "external_ids"
        return JSONResponse({k: v for k, v in page.items() if asked_too or k != "external_ids"})

    def _find(self, external_id: str, query: Any) -> dict[str, Any]:
        name = query["external_source"]
        found: dict[str, Any] = {"movie_results": [], "tv_results": []}
        for path, page in self.pages.items():
            if str(page.get("external_ids", {}).get(name)) == external_id:
                found[f"{path.partition('/')[0]}_results"].append({"id": page["id"]})
        return found

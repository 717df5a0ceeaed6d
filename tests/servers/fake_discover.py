"""Plex's watchlist service with one account's list."""

from __future__ import annotations

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

ACCOUNT_TOKEN = "account-token"


class FakeWatchlist:
    """Entries by their id in the catalogue; knows the form that changes single items."""

    def __init__(self, **titles: str) -> None:
        self.titles = titles

    def app(self) -> Starlette:
        """Return the application."""
        item = Route("/library/metadata/{id}/watchlist", self._change, methods=["PUT", "DELETE"])
        return Starlette(routes=[Route("/library/sections/watchlist/all", self._list), item])

    async def _list(self, request: Request) -> Response:
        if request.headers.get("x-plex-token") != ACCOUNT_TOKEN:
            return Response(status_code=401)
        items = [{"ratingKey": key, "type": "movie", "title": title} for key, title in self.titles.items()]
        start = int(request.query_params["X-Plex-Container-Start"])
        container = {"totalSize": len(items), "Metadata": items[start:]}
        return JSONResponse({"MediaContainer": container})

    async def _change(self, request: Request) -> Response:
        if request.headers.get("x-plex-token") != ACCOUNT_TOKEN:
            return Response(status_code=401)
        key = request.path_params["id"]
        if request.method == "PUT":
            self.titles[key] = f"Film {key}"
        else:
            self.titles.pop(key, None)
        return Response(status_code=200)

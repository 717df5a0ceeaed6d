"""plex.tv in memory: PINs, account, resources, Home users."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route


def resource(machine_id: str, *, owned: bool = False, home: bool = False, **fields: Any) -> dict[str, Any]:
    """Return a server as the resource list has it."""
    return {
        "name": f"server {machine_id}",
        "product": "Plex Media Server",
        "productVersion": "1.41",
        "clientIdentifier": machine_id,
        "provides": "server",
        "owned": owned,
        "home": home,
        "accessToken": f"token-for-{machine_id}",
        "connections": [],
    } | fields


def connection(uri: str, address: str, *, local: bool = False, relay: bool = False) -> dict[str, Any]:
    """Return an address as the resource list has it."""
    return {
        "protocol": uri.partition(":")[0],
        "address": address,
        "port": 32400,
        "uri": uri,
        "local": local,
        "relay": relay,
    }


@dataclass
class FakePlexTv:
    """One account with the token `account-token`."""

    claimed: dict[int, str] = field(default_factory=dict)
    pins: dict[int, str] = field(default_factory=dict)
    resources: list[dict[str, Any]] = field(default_factory=list)
    in_a_home: bool = True
    clients: list[str] = field(default_factory=list)
    expires_at: str = "2026-11-20T20:15:00Z"
    """The end of every PIN."""

    def app(self) -> Starlette:
        """Return the application."""
        return Starlette(
            routes=[
                Route("/api/v2/pins", self._create, methods=["POST"]),
                Route("/api/v2/pins/{id:int}", self._poll),
                Route("/api/v2/user", self._user),
                Route("/api/v2/resources", self._resources),
                Route("/api/v2/home/users", self._home),
                Route("/api/home/users/{id}/switch", self._switch, methods=["POST"]),
            ]
        )

    async def _create(self, request: Request) -> Response:
        self.clients.append(request.headers["x-plex-client-identifier"])
        number = len(self.pins) + 1
        self.pins[number] = "ABCD" if "strong" not in request.query_params else "a-long-strong-code"
        body = {
            "id": number,
            "code": self.pins[number],
            "expiresIn": 900,
            "expiresAt": self.expires_at,
            "authToken": None,
        }
        return JSONResponse(body, status_code=201)

    async def _poll(self, request: Request) -> Response:
        self.clients.append(request.headers["x-plex-client-identifier"])
        number = request.path_params["id"]
        if number not in self.pins:
            return JSONResponse(
                {"errors": [{"code": 1020, "message": "Code not found or expired"}]}, status_code=404
            )
        return JSONResponse({"id": number, "code": self.pins[number], "authToken": self.claimed.get(number)})

    async def _user(self, request: Request) -> Response:
        if not _known(request):
            return JSONResponse({"errors": []}, status_code=401)
        return JSONResponse({"id": 42, "uuid": "abc", "username": "owner", "email": "o@example.org"})

    async def _resources(self, request: Request) -> Response:
        return JSONResponse(self.resources) if _known(request) else JSONResponse({}, status_code=401)

    async def _home(self, _request: Request) -> Response:
        if not self.in_a_home:
            return JSONResponse({}, status_code=403)
        users = [
            {"id": 1, "title": "parent", "protected": True, "admin": True},
            {"id": "2", "title": "child"},
        ]
        return JSONResponse({"users": users})

    async def _switch(self, request: Request) -> Response:
        pin = (await request.json()).get("pin")
        if request.path_params["id"] == "1" and pin != "1234":
            return Response("<errors/>", status_code=403 if pin is None else 401)
        return Response(
            '<?xml version="1.0"?><user id="2" authToken="home&amp;token" title="child"/>',
            media_type="application/xml",
        )


def _known(request: Request) -> bool:
    return request.headers.get("x-plex-token") in {"account-token", "home&token"}

"""Jellyfin's ways to sign in: password and Quick Connect, and the header that introduces us."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final

import anyio
import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, Missing, Refused, TryLater, WrongServer
from vidra.redaction import register_secret
from vidra.servers.fields import Fields, flag, text
from vidra.servers.interface import ClientIdentity, ServerInfo, SignedIn, User
from vidra.servers.wire import as_object, exchange, header_secret, parsed, plain

POLL_EVERY: Final = 2.0
QUICK_CONNECT_LIMIT: Final = 600.0
"""Seconds; the server names no end of a Quick Connect, so we set one."""


@dataclass(frozen=True, kw_only=True, slots=True)
class QuickConnect:
    """A sign-in under way: the person enters `code` on a device that is signed in."""

    code: str
    secret: SecretStr
    deadline: float
    """On the clock's monotonic scale."""


def authorization(identity: ClientIdentity, token: SecretStr | None = None) -> dict[str, str]:
    """Return the one header Jellyfin 12 still reads; `X-Emby-*` and `api_key` are gone there."""
    pairs = {
        "Client": identity.product,
        "Device": identity.device,
        "DeviceId": identity.identifier,
        "Version": identity.version,
    }
    if token is not None:
        pairs["Token"] = header_secret(token)
    text_of = ", ".join(f'{name}="{plain(value)}"' for name, value in pairs.items())
    return {"Accept": "application/json", "Authorization": f"MediaBrowser {text_of}"}


async def jellyfin_info(client: httpx.AsyncClient, uri: str, *, limit: float = 3.0) -> ServerInfo:
    """Return who answers at an address. No credentials are sent."""
    url = f"{uri}/System/Info/Public"
    response = await exchange(client, "GET", url, headers={"Accept": "application/json"}, limit=limit)
    fields = as_object(parsed(response), url)
    machine_id = text(fields, "Id")
    if machine_id is None:
        raise WrongServer(f"{uri}: not a Jellyfin server", url=uri)
    return ServerInfo(machine_id=machine_id, version=text(fields, "Version"), name=text(fields, "ServerName"))


async def probe_jellyfin(uri: str, limit: float, *, client: httpx.AsyncClient, machine_id: str) -> ServerInfo:
    """Raise `WrongServer` unless that server answers there; a prober for `vidra.connections`."""
    info = await jellyfin_info(client, uri, limit=limit)
    if info.machine_id != machine_id:
        raise WrongServer(f"{uri}: another Jellyfin server ({info.machine_id}) answers there", url=uri)
    return info


class JellyfinLogin:
    """Sign-in at one address; the device id is the same in every step, as Quick Connect demands."""

    def __init__(
        self, *, client: httpx.AsyncClient, base: str, identity: ClientIdentity, clock: Clock = SYSTEM_CLOCK
    ) -> None:
        self._client, self._base, self._identity, self._clock = client, base.rstrip("/"), identity, clock

    async def with_password(self, username: str, password: SecretStr) -> SignedIn:
        """Sign in; raise `AuthRequired` for a wrong name or password."""
        body = {"Username": username, "Pw": password.get_secret_value()}
        try:
            answer = await self._json("POST", "/Users/AuthenticateByName", body)
        except AuthRequired as exc:
            raise AuthRequired(f"{username}: wrong name or password", status=exc.status) from exc
        return _signed_in(answer)

    async def quick_connect_enabled(self) -> bool:
        """Whether the server's owner allows Quick Connect."""
        try:
            return parsed(await self._request("GET", "/QuickConnect/Enabled")) is True
        except (AuthRequired, Missing):
            return False

    async def start_quick_connect(self) -> QuickConnect:
        """Ask for a code to show."""
        answer = await self._json("POST", "/QuickConnect/Initiate")
        code, secret = text(answer, "Code"), text(answer, "Secret")
        if code is None or secret is None:
            raise Refused("the server gave no Quick Connect code")
        register_secret(secret)
        return QuickConnect(
            code=code, secret=SecretStr(secret), deadline=self._clock.monotonic() + QUICK_CONNECT_LIMIT
        )

    async def finish_quick_connect(self, pending: QuickConnect) -> SignedIn:
        """Poll until the code was confirmed, then sign in. Cancel the call to give up.

        Raises `AuthRequired` after ten minutes, or when the server has forgotten the code.
        """
        while self._clock.monotonic() < pending.deadline:
            if await self._confirmed(pending):
                body = {"Secret": pending.secret.get_secret_value()}
                return _signed_in(await self._json("POST", "/Users/AuthenticateWithQuickConnect", body))
            await anyio.sleep(POLL_EVERY)
        raise AuthRequired(f"nobody confirmed the code {pending.code} in time; start the sign-in again")

    async def _confirmed(self, pending: QuickConnect) -> bool:
        secret = pending.secret.get_secret_value()
        try:
            # the API takes the secret in the query only; it is worthless once used
            return flag(await self._json("GET", f"/QuickConnect/Connect?secret={secret}"), "Authenticated")
        except Missing as exc:
            raise AuthRequired(
                f"the code {pending.code} is not known any more; start the sign-in again"
            ) from exc
        except TryLater:
            return False

    async def _json(self, method: str, path: str, body: object = None) -> dict[str, Any]:
        return as_object(parsed(await self._request(method, path, body)), path)

    async def _request(self, method: str, path: str, body: object = None) -> httpx.Response:
        headers = authorization(self._identity)
        return await exchange(
            self._client, method, self._base + path, headers=headers, json=body, limit=10.0, clock=self._clock
        )


def _signed_in(answer: Fields) -> SignedIn:
    token, user = text(answer, "AccessToken"), answer.get("User")
    user_id = text(user, "Id") if isinstance(user, dict) else None
    if token is None or user_id is None or not isinstance(user, dict):
        raise Refused("the server accepted the sign-in but gave no token")
    register_secret(token)
    return SignedIn(token=SecretStr(token), user=User(id=user_id, name=text(user, "Name") or user_id))

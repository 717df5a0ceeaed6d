"""plex.tv: sign-in by PIN, the account, its servers, and the profiles of a Plex Home."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Final
from urllib.parse import urlencode

import anyio
import httpx
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, Missing, Refused, TryLater
from vidra.redaction import register_secret
from vidra.servers import plex_items
from vidra.servers.fields import Fields, flag, instant, integer, text
from vidra.servers.interface import ClientIdentity, ServerOffer, User
from vidra.servers.plex_identity import identity_headers
from vidra.servers.wire import as_object, exchange, header_secret, parsed

PLEX_TV: Final = "https://plex.tv"
POLL_EVERY: Final = 1.0
"""Seconds between two looks at a PIN, as Plex's API description recommends."""
_PIN_LIFE: Final = timedelta(minutes=4)
"""If the answer names no end, which it does by `expiresAt` or `expiresIn`."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Pin:
    """A sign-in under way: the person enters `code` at `link_url`, or just opens `auth_url`."""

    id: int
    code: str
    expires_at: datetime
    link_url: str
    auth_url: str


@dataclass(frozen=True, kw_only=True, slots=True)
class HomeUser:
    """A profile of a Plex Home; a protected one asks for its PIN."""

    id: str
    name: str
    protected: bool
    admin: bool


class PlexAccount:
    """The account service; `base` is another address in tests."""

    def __init__(
        self,
        *,
        client: httpx.AsyncClient,
        identity: ClientIdentity,
        clock: Clock = SYSTEM_CLOCK,
        base: str = PLEX_TV,
    ) -> None:
        self._client, self._identity, self._clock, self._base = client, identity, clock, base

    async def create_pin(self, *, strong: bool = False) -> Pin:
        """Start a sign-in. A strong code is too long to type: it is for `auth_url` only."""
        query = "?strong=true" if strong else ""
        answer = await self._json("POST", f"/api/v2/pins{query}")
        number, code = integer(answer, "id"), text(answer, "code")
        if number is None or code is None:
            raise Refused("plex.tv gave no PIN")
        lifetime = integer(answer, "expiresIn")
        fallback = self._clock.now() + (_PIN_LIFE if lifetime is None else timedelta(seconds=lifetime))
        return Pin(
            id=number,
            code=code,
            expires_at=instant(answer, "expiresAt") or fallback,
            link_url="https://plex.tv/link",
            auth_url=self._auth_url(code),
        )

    async def poll_pin(self, pin: Pin) -> SecretStr | None:
        """Return the account token once the PIN was claimed; raise `AuthRequired` when it is gone."""
        try:
            answer = await self._json("GET", f"/api/v2/pins/{pin.id}")
        except Missing as exc:
            raise AuthRequired("the PIN has expired or was used already; start the sign-in again") from exc
        token = text(answer, "authToken")
        return None if token is None else _secret(token)

    async def wait_for_pin(self, pin: Pin) -> SecretStr:
        """Poll until the PIN is claimed. Cancel the call to give up; network trouble only delays it.

        Raises `AuthRequired` at the PIN's own end.
        """
        while self._clock.now() < pin.expires_at:
            try:
                token = await self.poll_pin(pin)
            except TryLater as exc:
                token = None
                await anyio.sleep(exc.retry_after or 0)
            if token is not None:
                return token
            await anyio.sleep(POLL_EVERY)
        raise AuthRequired(f"nobody confirmed the PIN {pin.code} in time; start the sign-in again")

    async def user(self, token: SecretStr) -> User:
        """Return the account; `AuthRequired` is the only proof that the token is invalid."""
        answer = await self._json("GET", "/api/v2/user", token)
        number = text(answer, "id") or text(answer, "uuid")
        if number is None:
            raise Refused("plex.tv named no account")
        return User(id=number, name=text(answer, "username") or text(answer, "title") or number)

    async def servers(self, token: SecretStr) -> Sequence[ServerOffer]:
        """Return every server the account may use, best first: owned, home, shared."""
        query = "?includeHttps=1&includeRelay=1&includeIPv6=1"
        answer = await self._any("GET", f"/api/v2/resources{query}", token)
        entries = [entry for entry in answer if isinstance(entry, dict)] if isinstance(answer, list) else []
        return by_preference(offer for entry in entries if (offer := plex_items.offer(entry)))

    async def home_users(self, token: SecretStr) -> Sequence[HomeUser]:
        """Return the profiles of the Plex Home; none if the account is in no Home."""
        try:
            answer = await self._json("GET", "/api/v2/home/users", token)
        except AuthRequired:
            raise
        except Refused as exc:
            if exc.status == 403:
                return []
            raise
        users = [entry for entry in answer.get("users") or () if isinstance(entry, dict)]
        return [_home_user(entry) for entry in users]

    async def switch_user(self, token: SecretStr, user_id: str, *, pin: SecretStr | None = None) -> SecretStr:
        """Return the token of another profile; raise `AuthRequired` if its PIN is wrong or missing."""
        body = {} if pin is None else {"pin": pin.get_secret_value()}
        try:
            answer = await self._request("POST", f"/api/home/users/{user_id}/switch", token, body)
        except Refused as exc:
            if exc.status in {401, 403}:
                need = "needs its PIN" if pin is None else "refused the PIN"
                raise AuthRequired(f"the Plex Home profile {user_id} {need}", status=exc.status) from exc
            raise
        match = re.search(r'\bauthToken="([^"]+)"', answer.text)  # this answer is XML whatever we accept
        if match is None:
            raise Refused("plex.tv switched the profile but gave no token")
        return _secret(html.unescape(match[1]))

    def _auth_url(self, code: str) -> str:
        query = {
            "clientID": self._identity.identifier,
            "code": code,
            "context[device][product]": self._identity.product,
        }
        return f"https://app.plex.tv/auth#?{urlencode(query)}"

    async def _json(self, method: str, path: str, token: SecretStr | None = None) -> dict[str, Any]:
        return as_object(await self._any(method, path, token), path)

    async def _any(self, method: str, path: str, token: SecretStr | None = None) -> object:
        return parsed(await self._request(method, path, token))

    async def _request(
        self, method: str, path: str, token: SecretStr | None = None, body: object = None
    ) -> httpx.Response:
        headers = identity_headers(self._identity)
        if token is not None:
            headers["X-Plex-Token"] = header_secret(token)
        return await exchange(
            self._client, method, self._base + path, headers=headers, json=body, limit=15.0, clock=self._clock
        )


def by_preference(offers: Iterable[ServerOffer]) -> list[ServerOffer]:
    """Return the offers, own servers first, then those of the Plex Home, then shared ones."""
    return sorted(offers, key=lambda offer: (not offer.owned, not offer.home))


def offer_of(machine_id: str, offers: Iterable[ServerOffer]) -> ServerOffer:
    """Return the offer of exactly this machine; raise `Missing`, never another server."""
    for offer in offers:
        if offer.machine_id == machine_id:
            return offer
    raise Missing(
        f"no Plex server with machine id {machine_id} in this account: it is offline, was removed, or "
        "belongs to another account; `vidra source login` signs in again"
    )


def _home_user(fields: Fields) -> HomeUser:
    number = text(fields, "id") or text(fields, "uuid") or ""
    return HomeUser(
        id=number,
        name=text(fields, "title") or number,
        protected=flag(fields, "protected"),
        admin=flag(fields, "admin"),
    )


def _secret(token: str) -> SecretStr:
    register_secret(token)
    return SecretStr(token)

"""HTTP as every server client needs it: bounded, translated, matched to the right machine, failing over."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from typing import Any, Final, TypeVar

import httpx
import orjson
from pydantic import SecretStr

from vidra.clock import SYSTEM_CLOCK, Clock
from vidra.errors import AuthRequired, Missing, Refused, RemoteError, TryLater, WrongServer
from vidra.redaction import redact_url, register_secret
from vidra.servers.interface import Route
from vidra.servers.plex_direct import dialled

ATTEMPTS: Final = 3
"""Addresses one request may be sent to."""
READ_LIMIT: Final = 30.0
"""Seconds a server that is alive may take for one answer."""
PATIENCE: Final = 0.75
"""Seconds without an answer after which we ask whether the server is alive at all."""
LARGEST_ANSWER: Final = 64 * 1024 * 1024
"""Bytes; a page of 500 full items is about 3 MB."""
_DECODED: Final = frozenset({"content-encoding", "content-length", "transfer-encoding"})
"""Headers that describe the body as it travelled, not as we hand it on."""

Query = Mapping[str, str | int] | None
T = TypeVar("T")
Json = dict[str, Any]
Verify = Callable[[str], Awaitable[object]]


async def exchange(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    *,
    params: Query = None,
    headers: Mapping[str, str] | None = None,
    json: object = None,
    limit: float = READ_LIMIT,
    clock: Clock = SYSTEM_CLOCK,
) -> httpx.Response:
    """Do one exchange with one address and return a good answer, or raise one of the three meanings.

    Redirects are not followed: the credentials in the headers are meant for this address only.
    """
    response = await _send(client, method, url, params, headers, json, limit)
    _raise_for_status(response, url, clock)
    return response


def parsed(response: httpx.Response) -> object:
    """Return the JSON of an answer; raise `Refused` if it is none (a captive portal, a wrong base path)."""
    try:
        return orjson.loads(response.content)
    except orjson.JSONDecodeError as exc:
        kind = response.headers.get("content-type", "nothing")
        url = redact_url(str(response.request.url))
        raise Refused(f"{url}: expected JSON, got {kind}", url=url, status=response.status_code) from exc


def as_object(value: object, what: str) -> Json:
    """Return the value if it is a JSON object; raise `Refused` naming what was expected to be one."""
    if not isinstance(value, dict):
        raise Refused(f"{what}: expected a JSON object, got {type(value).__name__}")
    return value


def plain(value: str) -> str:
    """Return the text as a header may carry it within quotes: printable ASCII without quotes."""
    return "".join(c for c in value if c.isprintable() and c != '"').encode("ascii", "replace").decode()


def header_secret(secret: SecretStr) -> str:
    """Return the secret for a header; raise `AuthRequired` if it cannot be one (a pasted line end, say)."""
    value = secret.get_secret_value()
    register_secret(value)
    if not value or not value.isascii() or not value.isprintable() or value != plain(value).strip():
        raise AuthRequired("the stored token is empty or has characters that no token has; sign in again")
    return value


class Wire:
    """The requests of one operation to one server, over whichever of its addresses works.

    Before an address gets the first request, `verify` (a request without credentials) must have
    matched it; afterwards it is trusted for the length of the operation.
    """

    def __init__(
        self,
        client: httpx.AsyncClient,
        route: Route,
        *,
        headers: Mapping[str, str],
        verify: Verify,
        clock: Clock = SYSTEM_CLOCK,
    ) -> None:
        self._client, self._route, self._headers, self._verify = client, route, headers, verify
        self._clock = clock
        self._matched: set[str] = set()

    async def base(self) -> str:
        """Return the address in use, matched."""
        return await self._over(self._return_base)

    async def get(self, path: str, params: Query = None, headers: Mapping[str, str] | None = None) -> Json:
        """Return the JSON object that a GET answers with."""
        return as_object(await self.get_any(path, params, headers), path)

    async def get_any(
        self, path: str, params: Query = None, headers: Mapping[str, str] | None = None
    ) -> object:
        """Return the JSON that a GET answers with, whatever it is."""
        return parsed(await self.request("GET", path, params=params, headers=headers))

    async def request(
        self,
        method: str,
        path: str,
        *,
        params: Query = None,
        headers: Mapping[str, str] | None = None,
        json: object = None,
    ) -> httpx.Response:
        """Do one exchange; on a broken connection with the next address.

        An answer is an answer: a 404 or 500 is never tried elsewhere.
        """
        merged = {**self._headers, **(headers or {})}

        async def send(base: str) -> httpx.Response:
            """Do the exchange with one address."""
            work = _send(self._client, method, base + path, params, merged, json, READ_LIMIT)
            return await self._while_alive(base, work)

        response = await self._over(send)
        _raise_for_status(response, str(response.request.url), self._clock)
        return response

    async def _over(self, send: Callable[[str], Awaitable[T]]) -> T:
        """Send over the current address, then over others while the connection is what fails."""
        base = await self._route.current()
        for _ in range(ATTEMPTS - 1):
            try:
                return await self._matched_send(base, send)
            except (TryLater, WrongServer):
                self._matched.discard(base)
                base = await self._route.failed(base)
        return await self._matched_send(base, send)

    async def _matched_send(self, base: str, send: Callable[[str], Awaitable[T]]) -> T:
        if base not in self._matched:
            await self._verify(base)
            self._matched.add(base)
        return await send(base)

    async def _while_alive(self, base: str, work: Coroutine[Any, Any, T]) -> T:
        """Wait for the work, but no longer than the server answers at all."""
        task = asyncio.create_task(work)
        try:
            while not (await asyncio.wait([task], timeout=PATIENCE))[0]:
                if not await self._route.alive(base, PATIENCE) and not task.done():
                    raise TryLater(f"{redact_url(base)}: the server stopped answering", url=redact_url(base))
            return task.result()
        finally:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

    @staticmethod
    async def _return_base(base: str) -> str:
        return base


class FixedRoute:
    """A single address, for sign-in and for tests of one connection."""

    def __init__(self, uri: str) -> None:
        self._uri = uri

    async def current(self) -> str:
        """Return the address."""
        return self._uri

    async def failed(self, uri: str) -> str:
        """Raise: there is no other."""
        raise TryLater(f"{redact_url(uri)} does not answer", url=redact_url(uri))

    async def alive(self, uri: str, limit: float) -> bool:
        """Return True: with nowhere else to go, waiting is all there is."""
        del uri, limit
        return True


async def _send(
    client: httpx.AsyncClient,
    method: str,
    url: str,
    params: Query,
    headers: Mapping[str, str] | None,
    json: object,
    limit: float,
) -> httpx.Response:
    shown = redact_url(url)
    content = None if json is None else orjson.dumps(json)
    kind = {} if json is None else {"Content-Type": "application/json"}

    def request() -> httpx.Request:
        """Return the request anew: one that was sent cannot be sent again."""
        made = client.build_request(
            method,
            url,
            params=params,
            headers={**(headers or {}), **kind},
            content=content,
            timeout=httpx.Timeout(limit, connect=min(limit, 5.0), pool=limit),
        )
        return dialled(made)

    try:
        try:
            return await _read(client, request(), shown)
        except (httpx.RemoteProtocolError, httpx.ReadError):
            # An idle connection that the server was just closing; RFC 9110, 9.2.2 lets us ask again.
            if method != "GET":
                raise
            return await _read(client, request(), shown)
    except httpx.HTTPError as exc:
        raise translated(exc, shown) from exc
    except (httpx.InvalidURL, httpx.StreamError) as exc:
        raise Refused(f"{shown}: {exc}", url=shown) from exc


async def _read(client: httpx.AsyncClient, request: httpx.Request, shown: str) -> httpx.Response:
    """Return the answer with its body, of which no more than the limit is taken in."""
    response = await client.send(request, stream=True, follow_redirects=False)
    try:
        body = bytearray()
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > LARGEST_ANSWER:
                raise Refused(f"{shown}: an answer of more than {LARGEST_ANSWER} bytes", url=shown)
    finally:
        await response.aclose()
    kept = [pair for pair in response.headers.multi_items() if pair[0] not in _DECODED]
    return httpx.Response(response.status_code, headers=kept, content=bytes(body), request=request)


def translated(error: httpx.HTTPError, shown: str) -> RemoteError:
    """Return what an httpx error means to us."""
    reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
    if _is_tls_fault(error):
        return WrongServer(f"{shown}: no sound TLS connection ({reason})", url=shown)
    if isinstance(error, httpx.UnsupportedProtocol | httpx.TooManyRedirects | httpx.DecodingError):
        return Refused(f"{shown}: {reason}", url=shown)
    return TryLater(f"{shown}: {reason}", url=shown)


def _is_tls_fault(error: BaseException) -> bool:
    """Whether the certificate or the protocol is at fault, rather than a connection that broke."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, ssl.SSLCertVerificationError):
            return True
        if isinstance(seen, ssl.SSLError) and not isinstance(seen, ssl.SSLEOFError):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def _raise_for_status(response: httpx.Response, url: str, clock: Clock) -> None:
    status, shown = response.status_code, redact_url(url)
    if response.is_success:
        return
    text = f"{shown}: HTTP {status}"
    if status in {401, 498}:
        raise AuthRequired(f"{text}: not signed in, or no longer; sign in again", url=shown, status=status)
    if status in {404, 410}:
        raise Missing(text, url=shown, status=status)
    if status in {408, 425, 429} or status >= 500:
        raise TryLater(text, url=shown, status=status, retry_after=_retry_after(response, clock.now()))
    raise Refused(text, url=shown, status=status)


def _retry_after(response: httpx.Response, now: datetime) -> float | None:
    """Return the seconds the server asked for, given as a number or as a date."""
    text = response.headers.get("retry-after", "").strip()
    if text.isdecimal():
        return float(text)
    try:
        return max(0.0, (parsedate_to_datetime(text) - now).total_seconds())
    except (ValueError, TypeError):
        return None

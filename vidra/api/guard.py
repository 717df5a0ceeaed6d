"""Stands before every route: whom we answer, who may ask, how much may be sent. Default: nobody.

Plain ASGI on the raw scope, so that no route, redirect or framework detail comes before it.
"""

from __future__ import annotations

import contextlib
from collections.abc import Sequence
from typing import Final
from urllib.parse import parse_qsl

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from vidra.api.bodies import BodyRefused, check_json, read_body, replay
from vidra.api.failed_tokens import FailedTokens
from vidra.api.hosts import Headers, HostPolicy, values
from vidra.api.refusals import Refusal
from vidra.api.tokens import matches
from vidra.credentials.server_token import TokenSource
from vidra.supervisor.interface import TOKEN_HEADER

FREE: Final = frozenset({"/", "/healthz", "/readyz"})
"""Paths that tell whether we live; `GET` and `HEAD` on exactly these need no token."""
SHUTDOWN: Final = "/api/shutdown"
MEDIA: Final = "/api/v1/media/"
"""Below it, `GET` and `HEAD` show a signed ticket instead of the token; the route checks it."""
SHOWN_TOKEN: Final = "vidra.token"  # noqa: S105 - the name of a scope key
"""Scope key: the token that counted when a stream was opened, so that rotation can close it."""
AUTHORISED: Final = "vidra.authorised"
"""Scope key: whether the request showed the right token (free paths need none)."""
UNAUTHORISED: Final = Refusal(status=401, code="token_missing_or_invalid")
POLICY_VIOLATION: Final = 1008
LARGEST_HEAD: Final = 16_384
"""Bytes of all headers; the HTTP library's own bound does not hold for a head that arrives in one piece."""

_SUPERVISOR_HEADER: Final = TOKEN_HEADER.lower().encode()
_SECURITY_HEADERS: Final = {
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cross-origin-resource-policy": "same-origin",
}


class Guard:
    """Wraps the application; see the module. Raises nothing of its own."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: TokenSource,
        hosts: HostPolicy,
        failed: FailedTokens,
        supervisor_token: str | None = None,
    ) -> None:
        self._app, self._tokens, self._hosts, self._failed = app, tokens, hosts, failed
        self._supervisor_token = supervisor_token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let the request through, or answer it."""
        if scope["type"] == "http":
            await self._http(scope, receive, _with_security_headers(send))
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        elif scope["type"] == "lifespan":
            await self._app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        path: str = scope["path"]
        refusal, body = self._stranger(scope) or self._unauthorised(scope), b""
        try:
            body = await read_body(scope["headers"], receive)
            if refusal is None:
                check_json(scope["headers"], body)
        except BodyRefused as refused:
            refusal = refusal or refused.refusal
        if refusal is not None:
            await refusal.send(send, path)
            return
        await self._app(scope, replay(body, receive), send)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._stranger(scope) is None and self._shows_token(scope):
            await self._app(scope, receive, send)
            return
        with contextlib.suppress(OSError):  # the server's name for a peer that has gone already
            await receive()
            await send({"type": "websocket.close", "code": POLICY_VIOLATION, "reason": "not allowed"})

    def _stranger(self, scope: Scope) -> Refusal | None:
        headers: Headers = scope["headers"]
        if not scope["path"].startswith("/"):
            return Refusal(status=400, code="path_invalid", detail="expected a path that begins with `/`")
        if sum(len(name) + len(value) for name, value in headers) > LARGEST_HEAD:
            return Refusal(
                status=431, code="head_too_large", detail=f"headers have at most {LARGEST_HEAD} bytes"
            )
        server = scope.get("server")
        trouble = self._hosts.host_problem(headers, server[1] if server else None)
        if trouble:
            return Refusal(status=400, code="host_not_allowed", detail=trouble)
        trouble = None if scope.get("method") == "OPTIONS" else self._hosts.origin_problem(headers)
        return Refusal(status=403, code="origin_not_allowed", detail=trouble) if trouble else None

    def _unauthorised(self, scope: Scope) -> Refusal | None:
        scope[AUTHORISED] = self._shows_token(scope) or self._is_supervisor(scope)
        method = scope["method"]
        open_path = scope["path"] in FREE or scope["path"].startswith(MEDIA)
        free = method == "OPTIONS" or (method in {"GET", "HEAD"} and open_path)
        if free or scope[AUTHORISED]:
            return None
        wait = self._failed.note(_address(scope)) if _shown_in_headers(scope["headers"]) else 0
        return _slowed(wait) if wait else UNAUTHORISED

    def _shows_token(self, scope: Scope) -> bool:
        token = self._tokens.current()
        shown = _shown_in_headers(scope["headers"])
        scope[SHOWN_TOKEN] = token
        if scope["type"] == "websocket":
            shown = [*shown, *_shown_in_query(scope["query_string"])]
        # Every value is compared, so that the time tells nothing about which one was right.
        return any([matches(text, token) for text in shown])  # noqa: C419 - see above

    def _is_supervisor(self, scope: Scope) -> bool:
        """Whether our supervisor asks us to end: with its own token, which is good for nothing else."""
        if self._supervisor_token is None or scope["path"] != SHUTDOWN:
            return False
        shown = values(scope["headers"], _SUPERVISOR_HEADER)
        return len(shown) == 1 and matches(shown[0], self._supervisor_token)


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return client[0] if client else ""


def _slowed(seconds: int) -> Refusal:
    detail = "too many wrong tokens from this address; the right one is taken at any time"
    headers = {"retry-after": str(seconds)}
    return Refusal(status=429, code="too_many_wrong_tokens", detail=detail, headers=headers)


def _shown_in_headers(headers: Headers) -> Sequence[str]:
    authorisation = values(headers, b"authorization")
    if len(authorisation) > 1:
        return ()
    bare = [_without_scheme(text) for text in authorisation]
    return [*bare, *values(headers, b"x-api-token"), *values(headers, b"x-api-key")]


def _without_scheme(text: str) -> str:
    scheme, _, rest = text.partition(" ")
    return rest.strip() if rest and scheme.lower() == "bearer" else text


def _shown_in_query(query: bytes) -> Sequence[str]:
    try:
        pairs = parse_qsl(query.decode("latin-1"), max_num_fields=50)
    except ValueError:
        return ()
    shown = [value for name, value in pairs if name == "token"]
    return shown if len(shown) == 1 else ()


def _with_security_headers(send: Send) -> Send:
    async def send_with_headers(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in _SECURITY_HEADERS.items():
                headers.setdefault(name, value)
        await send(message)

    return send_with_headers

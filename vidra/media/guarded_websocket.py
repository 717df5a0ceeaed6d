"""WebSockets for yt-dlp's extractors, with our guard at the place where sockets are opened.

Not a subclass of yt-dlp's own handler: that one opens its sockets in the middle of `_send`, and hangs a
handler that writes to standard output on a logger that Prefect's client uses too.
"""

from __future__ import annotations

import io
import ssl

import websockets.exceptions
import websockets.sync.client
import websockets.version
from websockets.uri import parse_uri
from yt_dlp.networking._websockets import WebsocketsResponseAdapter
from yt_dlp.networking.common import Response
from yt_dlp.networking.exceptions import (
    CertificateVerifyError,
    HTTPError,
    RequestError,
    SSLError,
    TransportError,
)
from yt_dlp.networking.websocket import WebSocketRequestHandler

from vidra.errors import UrlRefused
from vidra.media.addresses import AddressGuard
from vidra.media.foreign import Foreign
from vidra.media.guarded_http import AddressRefused

# Named without a type, because what checkers infer from yt-dlp's source is wrong.
_Handler: Foreign = WebSocketRequestHandler
# From 17.1 on, `connect` outside a `with` block is deprecated unless it is asked for like this.
_UNMANAGED: dict[str, Foreign] = (
    {"legacy": True} if tuple(map(int, websockets.version.version.split(".")[:2])) >= (17, 1) else {}
)


class GuardedWebSocketRH(_Handler):  # type: ignore[misc]  # yt-dlp ships no types
    """`ws` and `wss` without a proxy; with one configured they are refused."""

    RH_NAME = "guarded-websocket"
    _SUPPORTED_URL_SCHEMES = ("ws", "wss")
    guard: AddressGuard
    trusted_proxies: frozenset[str] = frozenset()

    def _check_extensions(self, extensions: dict[str, Foreign]) -> None:
        super()._check_extensions(extensions)
        for known in ("timeout", "cookiejar", "legacy_ssl", "keep_header_casing"):
            extensions.pop(known, None)

    def _prepare_headers(self, request: Foreign, headers: Foreign) -> None:
        cookies = self._get_cookiejar(request).get_cookie_header(request.url)
        if cookies and "cookie" not in headers:
            headers["cookie"] = cookies

    def _send(self, request: Foreign) -> Foreign:
        try:
            return WebsocketsResponseAdapter(self._connect(request), url=request.url)
        except UrlRefused as refused:
            raise AddressRefused(str(refused), cause=refused) from refused
        except websockets.exceptions.InvalidURI as error:
            raise RequestError(cause=error) from error
        except ssl.SSLCertVerificationError as error:
            raise CertificateVerifyError(cause=error) from error
        except ssl.SSLError as error:
            raise SSLError(cause=error) from error
        except websockets.exceptions.InvalidStatus as error:
            raise HTTPError(_answer(error, request.url)) from error
        except (OSError, websockets.exceptions.WebSocketException) as error:
            raise TransportError(cause=error) from error

    def _connect(self, request: Foreign) -> websockets.sync.client.ClientConnection:
        target = parse_uri(request.url)
        timeout = self._calculate_timeout(request)
        source = (self.source_address, 0) if self.source_address else None
        sock = self.guard.connect(target.host, target.port, timeout=timeout, source_address=source)
        context = self._make_sslcontext(legacy_ssl_support=request.extensions.get("legacy_ssl"))
        return websockets.sync.client.connect(
            request.url,
            sock=sock,
            ssl=context if target.secure else None,
            additional_headers=self._get_headers(request),
            user_agent_header=None,
            open_timeout=timeout,
            close_timeout=0,  # a site that does not answer the goodbye must not hold up the download
            **_UNMANAGED,
        )


def _answer(error: websockets.exceptions.InvalidStatus, url: str) -> Foreign:
    response = error.response
    return Response(
        fp=io.BytesIO(response.body or b""),
        url=url,
        headers=response.headers,
        status=response.status_code,
        reason=response.reason_phrase,
    )

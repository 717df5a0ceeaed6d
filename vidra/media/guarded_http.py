"""yt-dlp's HTTP transport with our guard at the place where sockets are opened."""

from __future__ import annotations

import socket
from collections.abc import Mapping
from functools import cache
from typing import Any
from urllib.parse import urlsplit

import urllib3
from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import ConnectTimeoutError, NameResolutionError, NewConnectionError
from yt_dlp.networking._helper import make_ssl_context
from yt_dlp.networking._requests import RequestsHTTPAdapter, RequestsRH
from yt_dlp.networking.exceptions import RequestError

from vidra.errors import UrlRefused
from vidra.media.addresses import AddressGuard
from vidra.media.foreign import Foreign

# Named without a type, because what checkers infer from yt-dlp's source is wrong.
_Adapter: Foreign = RequestsHTTPAdapter
_Handler: Foreign = RequestsRH
_make_ssl_context: Foreign = make_ssl_context


class AddressRefused(RequestError):  # type: ignore[misc]  # yt-dlp ships no types
    """The guard refused an address. Not a transport error, so that yt-dlp does not try it again."""


class _GuardedConnection(HTTPConnection):
    guard: AddressGuard

    def _new_conn(self) -> socket.socket:
        try:
            sock = self._dial()
        except socket.gaierror as error:
            raise NameResolutionError(self.host, self, error) from error
        except TimeoutError as error:
            raise ConnectTimeoutError(self, f"connection to {self.host} timed out") from error
        except OSError as error:
            raise NewConnectionError(self, f"no connection to {self.host}: {error}") from error
        for option in self.socket_options or ():
            sock.setsockopt(*option)
        self.sock = sock  # urllib3 sets it a moment later; an interruption may come before that
        self.guard.opened(self)
        return sock

    def _dial(self) -> socket.socket:
        timeout = self.timeout if isinstance(self.timeout, (int, float)) else None
        if self.proxy is None:
            return self.guard.connect(
                self._dns_host, self.port or 0, timeout=timeout, source_address=self.source_address
            )
        # The owner's proxy may well be on a private address; `_send` has checked that it is his.
        return socket.create_connection((self._dns_host, self.port or 0), timeout, self.source_address)


class _GuardedTlsConnection(_GuardedConnection, HTTPSConnection):
    pass


def _pool_classes(guard: AddressGuard) -> dict[str, type[urllib3.HTTPConnectionPool]]:
    """Return urllib3 pools whose connections know this guard."""
    plain = type("GuardedConnection", (_GuardedConnection,), {"guard": guard})
    secure = type("GuardedTlsConnection", (_GuardedTlsConnection,), {"guard": guard})
    return {
        "http": type("GuardedPool", (urllib3.HTTPConnectionPool,), {"ConnectionCls": plain}),
        "https": type("GuardedTlsPool", (urllib3.HTTPSConnectionPool,), {"ConnectionCls": secure}),
    }


class _GuardedAdapter(_Adapter):  # type: ignore[misc]  # yt-dlp ships no types
    """Sends one request; `requests` calls it once more for every redirect."""

    def __init__(self, guard: AddressGuard, **kwargs: Any) -> None:
        self._guard = guard
        super().__init__(**kwargs)

    def init_poolmanager(self, *args: Any, **kwargs: Any) -> None:
        super().init_poolmanager(*args, **kwargs)
        self.poolmanager.pool_classes_by_scheme = _pool_classes(self._guard)

    def proxy_manager_for(self, proxy: str, **kwargs: Any) -> Foreign:
        manager = super().proxy_manager_for(proxy, **kwargs)
        if not proxy.lower().startswith("socks"):
            manager.pool_classes_by_scheme = _pool_classes(self._guard)
        return manager

    def send(self, request: Foreign, *args: Any, **kwargs: Any) -> Foreign:
        # Behind a proxy the guard never sees the target dialled, so literal addresses are judged here.
        parts = urlsplit(request.url)
        port = parts.port or (443 if parts.scheme == "https" else 80)
        self._guard.check_literal(parts.hostname or "", port)
        return super().send(request, *args, **kwargs)


class GuardedHttpRH(_Handler):  # type: ignore[misc]  # yt-dlp ships no types
    """HTTP and HTTPS through guarded connections; the only way to fetch a file."""

    RH_NAME = "guarded-http"
    guard: AddressGuard
    trusted_proxies: frozenset[str] = frozenset()

    def _make_sslcontext(self, legacy_ssl_support: bool | None = None) -> Foreign:
        if self._client_cert:
            return super()._make_sslcontext(legacy_ssl_support=legacy_ssl_support)
        legacy = self.legacy_ssl_support if legacy_ssl_support is None else legacy_ssl_support
        return shared_tls_context(
            verify=bool(self.verify), legacy=bool(legacy), certifi=not self.prefer_system_certs
        )

    def _create_instance(self, cookiejar: Foreign, legacy_ssl_support: bool | None = None) -> Foreign:
        session = super()._create_instance(cookiejar=cookiejar, legacy_ssl_support=legacy_ssl_support)
        unguarded = session.get_adapter("https://")
        adapter = _GuardedAdapter(
            self.guard,
            ssl_context=self._make_sslcontext(legacy_ssl_support=legacy_ssl_support),
            source_address=self.source_address,
            max_retries=unguarded.max_retries,
        )
        session.adapters.clear()
        session.mount("https://", adapter)
        session.mount("http://", adapter)
        return session

    def _send(self, request: Foreign) -> Foreign:
        check_proxies(self._get_proxies(request), self.trusted_proxies)
        try:
            return super()._send(request)
        except UrlRefused as refused:
            raise AddressRefused(str(refused), cause=refused) from refused


@cache
def shared_tls_context(*, verify: bool, legacy: bool, certifi: bool) -> Foreign:
    """Return what connections that trust the same authorities share.

    Reading the authorities takes 20 ms, and yt-dlp reads them three times for each session.
    """
    return _make_ssl_context(verify=verify, legacy_support=legacy, use_certifi=certifi)


def check_proxies(proxies: Mapping[str, str | None], trusted: frozenset[str]) -> None:
    """Raise AddressRefused if a page or an extractor brings a proxy that the owner did not configure."""
    for name, proxy in proxies.items():
        if proxy and name != "no" and proxy not in trusted:
            refused = UrlRefused("(a proxy)", "a page may not choose the proxy")
            raise AddressRefused(str(refused), cause=refused)

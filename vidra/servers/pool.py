"""The HTTP pool that all servers of a process share."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

SHARDS: Final = 32
KEPT_ALIVE: Final = 8
"""Idle connections per shard."""


class ShardedTransport(httpx.AsyncBaseTransport):
    """Several connection pools, one of which an origin always falls into.

    httpcore looks at every connection of a pool for every request and every answer: a check of 800
    addresses spent 2 s of CPU there. A 32nd of the connections costs a thousandth of that.
    """

    def __init__(self, verify: ssl.SSLContext) -> None:
        limits = httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_ALIVE)
        self._shards = [
            httpx.AsyncHTTPTransport(verify=verify, trust_env=False, limits=limits) for _ in range(SHARDS)
        ]

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """Send over the pool of the request's origin."""
        origin = (request.url.scheme, request.url.host, request.url.port)
        return await self._shards[hash(origin) % SHARDS].handle_async_request(request)

    async def aclose(self) -> None:
        """Close every connection."""
        for shard in self._shards:
            await shard.aclose()


def open_pool(*, verify: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Return a pool to use as a context manager; `verify` trusts another authority than the system's.

    The number of connections is not bounded here: probes and listings bound themselves, and a probe that
    waits for a connection of the pool would look like a dead server. Proxies and passwords of the
    environment (`HTTP_PROXY`, `.netrc`) are not used: media servers are reached directly.
    """
    context = verify or httpx.create_ssl_context()
    return httpx.AsyncClient(transport=ShardedTransport(context), trust_env=False, follow_redirects=False)

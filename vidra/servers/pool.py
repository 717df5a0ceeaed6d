"""The HTTP pool that all servers of a process share."""

from __future__ import annotations

import ssl
from typing import Final

import httpx

KEPT_ALIVE: Final = 64


def open_pool(*, verify: ssl.SSLContext | None = None) -> httpx.AsyncClient:
    """Return a pool to use as a context manager; `verify` trusts another authority than the system's.

    The number of connections is not bounded here: probes and listings bound themselves, and a probe that
    waits for a connection of the pool would look like a dead server. Proxies and passwords of the
    environment (`HTTP_PROXY`, `.netrc`) are not used: media servers are reached directly.
    """
    return httpx.AsyncClient(
        verify=verify or True,
        trust_env=False,
        follow_redirects=False,
        limits=httpx.Limits(max_connections=None, max_keepalive_connections=KEPT_ALIVE),
    )

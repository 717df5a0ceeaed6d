"""Names under `plex.direct`: each spells its own IP address, so no resolver is needed to dial it.

Many home routers drop DNS answers that point into the local network (rebinding protection), and
without Internet there is no DNS at all; then the local connection of a Plex server seems dead.
We dial the address in the name and check the certificate against the name.
"""

from __future__ import annotations

import ipaddress
import re
from typing import Final

import httpx

_NAME: Final = re.compile(r"(?P<address>[0-9a-f-]+)\.[0-9a-f]{32}\.plex\.direct", re.IGNORECASE)


def address_in(host: str) -> str | None:
    """Return the IP address that a `plex.direct` name spells, or None."""
    match = _NAME.fullmatch(host)
    if match is None:
        return None
    for separator in (".", ":"):
        try:
            return str(ipaddress.ip_address(match["address"].replace("-", separator)))
        except ValueError:
            continue
    return None


def dialled(request: httpx.Request) -> httpx.Request:
    """Point the request at the address in its name, if it has one; certificate checks keep the name."""
    host = request.url.host
    address = address_in(host)
    if address is not None:
        request.extensions["sni_hostname"] = host
        request.url = request.url.copy_with(host=address)  # the Host header was set from the name already
    return request

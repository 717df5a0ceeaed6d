"""Whether an address belongs to the local network, judged by its host alone."""

from __future__ import annotations

import ipaddress
from typing import Final

from vidra.servers.plex_direct import address_in

_LOCAL_NAMES: Final = (".local", ".lan", ".home.arpa", ".internal", ".localdomain")
"""Names that never leave the local network: RFC 6762, RFC 8375, and what home routers give out."""


def is_local_host(host: str) -> bool:
    """Whether the host is private, loopback or link-local, or named as only local hosts are.

    Of 172.0.0.0/8 only 172.16–172.31 is private; a name without a dot is one of the local network.
    """
    name = host.strip("[]").rstrip(".").lower()
    try:
        address = ipaddress.ip_address(address_in(name) or name)
    except ValueError:
        return "." not in name or name.endswith(_LOCAL_NAMES)
    return address.is_private or address.is_loopback or address.is_link_local

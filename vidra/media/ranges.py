"""Which IP addresses belong to the public internet, whatever clothes they wear.

`ipaddress.is_global` changed its answers between Python 3.11 and 3.13 and does not look inside
IPv6 addresses that carry an IPv4 one, so the ranges stand here. Source: the IANA special-purpose
address registries for IPv4 and IPv6 (RFC 6890 and its updates).
"""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network

_INSIDE_V4 = tuple(
    map(
        IPv4Network,
        (
            "10.0.0.0/8",
            "100.64.0.0/10",
            "127.0.0.0/8",
            "169.254.0.0/16",
            "172.16.0.0/12",
            "192.168.0.0/16",
        ),
    )
)
"""Private, carrier-grade NAT, loopback and link-local: real hosts, but not the public's."""

_NOWHERE_V4 = tuple(
    map(
        IPv4Network,
        (
            "0.0.0.0/8",
            "192.0.0.0/24",
            "192.0.2.0/24",
            "192.88.99.0/24",
            "198.18.0.0/15",
            "198.51.100.0/24",
            "203.0.113.0/24",
            "224.0.0.0/4",
            "240.0.0.0/4",
        ),
    )
)
"""“This host”, documentation, benchmarking, multicast, reserved: nobody downloads from there."""

_INSIDE_V6 = tuple(map(IPv6Network, ("::1/128", "fc00::/7", "fe80::/10", "fec0::/10")))
_PUBLIC_V6 = IPv6Network("2000::/3")
_NOWHERE_V6 = tuple(map(IPv6Network, ("2001::/23", "2001:db8::/32", "3fff::/20")))

_MAPPED = IPv6Network("::ffff:0:0/96")
_TRANSLATED = IPv6Network("::ffff:0:0:0/96")
_COMPATIBLE = IPv6Network("::/96")
_NAT64 = IPv6Network("64:ff9b::/96")
_SIX_TO_FOUR = IPv6Network("2002::/16")
_TEREDO = IPv6Network("2001::/32")
_ISATAP = frozenset({0x00005EFE, 0x02005EFE})


def is_public(ip: IPv4Address | IPv6Address) -> bool:
    """Whether this is a unicast address of the public internet, inside and out."""
    if isinstance(ip, IPv4Address):
        return not any(ip in network for network in (*_INSIDE_V4, *_NOWHERE_V4))
    carried = tuple(_carried(ip))
    if carried and not all(is_public(inner) for inner in carried):
        return False
    if ip in _MAPPED or ip in _NAT64 or ip in _TEREDO or ip in _SIX_TO_FOUR:
        return True
    return ip in _PUBLIC_V6 and not any(ip in network for network in _NOWHERE_V6)


def is_inside(ip: IPv4Address | IPv6Address) -> bool:
    """Whether this is a private, loopback or link-local address: what an owner may open up."""
    if isinstance(ip, IPv4Address):
        return any(ip in network for network in _INSIDE_V4)
    if ip in _MAPPED:
        return all(is_inside(inner) for inner in _carried(ip))
    return any(ip in network for network in _INSIDE_V6)


def _carried(ip: IPv6Address) -> Iterator[IPv4Address]:
    """Yield the IPv4 addresses that a packet to this IPv6 address may end up at."""
    number = int(ip)
    if ip in _TEREDO:
        yield IPv4Address(number >> 64 & 0xFFFFFFFF)  # the server
        yield IPv4Address(~number & 0xFFFFFFFF)  # the client, stored inverted
    elif ip in _SIX_TO_FOUR:
        yield IPv4Address(number >> 80 & 0xFFFFFFFF)
    elif any(ip in network for network in (_MAPPED, _TRANSLATED, _NAT64)) or _is_compatible(ip):
        yield IPv4Address(number & 0xFFFFFFFF)
    if number >> 32 & 0xFFFFFFFF in _ISATAP:
        yield IPv4Address(number & 0xFFFFFFFF)


def _is_compatible(ip: IPv6Address) -> bool:
    return ip in _COMPATIBLE and int(ip) > 1

"""Which `Host` and `Origin` headers belong to us: the defence against re-bound names and foreign pages."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Final
from urllib.parse import urlsplit

from vidra.api.tokens import is_loopback

Headers = Sequence[tuple[bytes, bytes]]
"""Raw headers of a request; names in lower case, as the ASGI server gives them."""

_LOCAL: Final = frozenset({"127.0.0.1", "localhost", "[::1]"})
_HOST: Final = re.compile(r"(\[[0-9a-fA-F:.]+\]|[A-Za-z0-9_.-]+)(?::([0-9]{1,5}))?")


@dataclass(frozen=True, kw_only=True, slots=True)
class HostPolicy:
    """Whom we answer: this machine's own names, what the owner listed, and nobody else."""

    bound: str
    """The address the server listens on."""
    names: Collection[str] = ()
    """Further `Host` values, as `name` or `name:port`, in lower case."""
    origins: Collection[str] = ()
    """Further origins, as `https://name`, that pages may come from."""

    def host_problem(self, headers: Headers, port: int | None) -> str | None:
        """Say what is wrong with the `Host` header of a request to our `port`; None if nothing is."""
        hosts = values(headers, b"host")
        if len(hosts) != 1:
            return f"expected exactly one Host header, got {len(hosts)}"
        host = hosts[0].lower()
        match = _HOST.fullmatch(host)
        if match is None:
            return "the Host header is not a host and a port"
        name, given = match[1], int(match[2] or 80)
        if host in self.names or name in self.names:
            return None
        if (port is None or given == port) and (name in _LOCAL or name == self.bound or self._is_ours(name)):
            return None
        return "this server does not go by that name; the owner can add it to server.allowed_hosts"

    def origin_problem(self, headers: Headers) -> str | None:
        """Say what is wrong with the `Origin` header; None if there is none or it is one of ours."""
        origins = values(headers, b"origin")
        if not origins:
            return None
        if len(origins) == 1 and (origins[0] in self.origins or self._is_same(origins[0], headers)):
            return None
        return (
            "pages of that origin may not talk to this server; the owner can add it to server.allowed_origins"
        )

    def _is_same(self, origin: str, headers: Headers) -> bool:
        try:
            parts = urlsplit(origin)
        except ValueError:
            return False
        host = values(headers, b"host")[0].lower()
        return parts.scheme in {"http", "https"} and not parts.path and parts.netloc.lower() == host

    def _is_ours(self, name: str) -> bool:
        """Whether it is an IP address while we listen to the network: re-binding needs a name."""
        if is_loopback(self.bound):
            return False
        try:
            ip_address(name.strip("[]"))
        except ValueError:
            return False
        return True


def values(headers: Headers, name: bytes) -> list[str]:
    """Return every value of the header, as text."""
    return [value.decode("latin-1").strip() for key, value in headers if key == name]

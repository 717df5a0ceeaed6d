"""Which addresses Vidra fetches from: judged when a URL comes in, and again when a socket is dialled.

The first check gives a person a quick, clear answer. The second is the one that counts: it sees the
address that is really dialled, after redirects, manifests and a name server that changes its mind.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import Any
from urllib.parse import SplitResult, urlsplit

from vidra.errors import TryLater, UrlRefused
from vidra.media.ranges import is_inside, is_public
from vidra.redaction import redact_url

Resolved = tuple[int, int, int, str, tuple[Any, ...]]
"""One answer of `socket.getaddrinfo`: family, type, protocol, canonical name, socket address."""

Resolver = Callable[[str, int], Sequence[Resolved]]
"""Looks up host and port; raises `socket.gaierror` like `socket.getaddrinfo`."""

_DEFAULT_PORTS = {"http": 80, "https": 443, "ws": 80, "wss": 443}
_INTAKE_SCHEMES = ("http", "https")
_LONGEST_URL = 8192  # longer ones are refused by common web servers anyway
_SMUGGLED = re.compile(r"__youtubedl_smuggle\s*=", re.IGNORECASE)
# IDNA takes these for full stops, and so does the system resolver.
_IDEOGRAPHIC_DOTS = str.maketrans("。．｡", "...")
_NOT_IN_URLS = re.compile(r"[\x00-\x20\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\s]")


def system_resolver(host: str, port: int) -> Sequence[Resolved]:
    """Ask the operating system for stream addresses of the host."""
    return socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)


@dataclass(frozen=True, kw_only=True, slots=True)
class NetworkPolicy:
    """What the owner allows downloads to connect to. The default is the public internet only."""

    allow_private: bool = False
    """Private, loopback and link-local addresses are fine too."""
    exceptions: frozenset[tuple[str, int | None]] = frozenset()
    """Host names or IP addresses in lower case, with a port or None for all ports, that are fine."""
    proxy: str | None = None
    """The owner's proxy. It resolves names itself, so only literal addresses can be judged behind it."""

    def excepts(self, host: str, port: int) -> bool:
        """Whether the owner named exactly this host (as text) and port."""
        return (host, port) in self.exceptions or (host, None) in self.exceptions


@dataclass(frozen=True, kw_only=True, slots=True)
class AddressGuard:
    """Judges every address at the moment it is dialled. Safe to share between threads."""

    policy: NetworkPolicy
    resolver: Resolver = system_resolver

    def allowed(self, ip: str | IPv4Address | IPv6Address, host: str, port: int) -> bool:
        """Whether `ip`, which `host` resolved to, may be dialled on `port`."""
        address = ip_address(ip.partition("%")[0]) if isinstance(ip, str) else ip
        if self.policy.excepts(plain_host(host), port) or self.policy.excepts(str(address), port):
            return True
        return is_public(address) or (self.policy.allow_private and is_inside(address))

    def addresses(self, host: str, port: int) -> list[Resolved]:
        """Resolve once and keep what may be dialled.

        Raises UrlRefused if nothing is left and `socket.gaierror` if the name does not resolve.
        """
        try:
            found = self.resolver(host, port)
        except UnicodeError as error:
            raise UrlRefused(f"//{host}:{port}", "the host name is not a valid one") from error
        kept = [answer for answer in found if self.allowed(str(answer[4][0]), host, port)]
        if not kept:
            raise _not_public(f"//{_bracketed(host)}:{port}", host)
        return kept

    def check_literal(self, host: str, port: int) -> None:
        """Raise UrlRefused if the host is an IP address in any spelling that may not be dialled."""
        ip = literal_ip(host)
        if ip is not None and not self.allowed(ip, host, port):
            raise _not_public(f"//{_bracketed(host)}:{port}", host)

    def opened(self, connection: object) -> None:
        """Hear of every HTTP connection that dialled; a subclass may keep it, to end it from outside."""

    def connect(
        self, host: str, port: int, *, timeout: float | None, source_address: tuple[str, int] | None = None
    ) -> socket.socket:
        """Open a TCP connection to an allowed address of the host, trying them in the resolver's order.

        Raises UrlRefused if none is allowed, otherwise what `socket.create_connection` raises.
        """
        candidates = _of_family(self.addresses(host, port), source_address)
        trouble: OSError | None = None
        for family, kind, protocol, _, address in candidates:
            try:
                return _dial(family, kind, protocol, address, timeout, source_address)
            except OSError as error:
                trouble = error
        raise trouble or OSError(f"no address of {host} fits the source address {source_address}")


def check_url(url: str, policy: NetworkPolicy, *, resolver: Resolver | None = system_resolver) -> str:
    """Return the URL if a person, a client or a feed may ask for it.

    Raises UrlRefused if it is not plain http(s), hides something, or leads to an address that the
    policy does not allow, and TryLater if the name server is out of order. With `resolver=None`,
    or behind a proxy, host names are left to the check at connect time.
    """
    parts = _split(url)
    host = plain_host(parts.hostname or "")
    port = parts.port or _DEFAULT_PORTS[parts.scheme.lower()]
    guard = AddressGuard(policy=policy, resolver=resolver or system_resolver)
    try:
        guard.check_literal(host, port)
        if resolver is not None and policy.proxy is None:
            guard.addresses(host, port)
    except UrlRefused as refused:
        raise UrlRefused(redact_url(url), refused.reason, remedy=refused.remedy) from None
    except socket.gaierror as error:
        raise _unresolvable(url, host, error) from error
    return url


def check_urls(urls: Iterable[str], policy: NetworkPolicy, *, resolver: Resolver | None) -> tuple[str, ...]:
    """Check each address and return them all; raises at the first that is refused."""
    return tuple(check_url(url, policy, resolver=resolver) for url in urls)


def plain_host(host: str) -> str:
    """Return the host in lower case and ASCII, without brackets and the final dot."""
    plain = host.strip("[]").translate(_IDEOGRAPHIC_DOTS).rstrip(".").lower()
    if plain.isascii():
        return plain
    try:
        return plain.encode("idna").decode("ascii")
    except UnicodeError:
        return plain


def literal_ip(host: str) -> IPv4Address | IPv6Address | None:
    """Return the address if the host is one in any spelling the C library knows: hex, octal, `127.1`."""
    plain = plain_host(host).partition("%")[0]
    try:
        return ip_address(plain)
    except ValueError:
        pass
    try:
        return IPv4Address(socket.inet_aton(plain))
    except (OSError, UnicodeError):
        return None


def _split(url: str) -> SplitResult:
    """Split an address that looks the way an address should; UrlRefused otherwise."""
    shown = redact_url(url[:200])
    problem = _form_problem(url)
    if problem:
        raise UrlRefused(shown, *problem[:1], remedy=problem[1])
    try:
        parts = urlsplit(url)
        _ = parts.port  # reading it is what checks it
    except ValueError as error:
        raise UrlRefused(shown, "it is not a valid address") from error
    scheme = parts.scheme.lower()
    if scheme not in _INTAKE_SCHEMES:
        raise UrlRefused(shown, f"`{scheme or 'no scheme'}` is not fetched", remedy="use http:// or https://")
    if "@" in parts.netloc:
        raise UrlRefused(
            shown,
            "it carries a user name or password",
            remedy="use the options `username` and `password`",
        )
    if not parts.hostname:
        raise UrlRefused(shown, "it names no host")
    return parts


def _form_problem(url: str) -> tuple[str, str | None] | None:
    if not url:
        return "it is empty", None
    if len(url) > _LONGEST_URL:
        return f"it is longer than {_LONGEST_URL} characters", None
    if url.startswith("-"):
        return "it begins with `-`, like an option", "put http:// or https:// in front"
    if _NOT_IN_URLS.search(url):
        return "it contains white space or invisible characters", "percent-encode them, or split the list"
    if _SMUGGLED.search(url):
        return "it carries hidden instructions for the extractor", None
    if "\\" in url.partition("?")[0]:
        return "it contains a backslash, which programs read differently", "percent-encode it as %5C"
    return None


def _not_public(url: str, host: str) -> UrlRefused:
    return UrlRefused(
        url,
        f"`{host}` is not a public address",
        remedy="the owner can allow it with network.allowed_addresses or network.allow_private_addresses",
    )


def _unresolvable(url: str, host: str, error: socket.gaierror) -> UrlRefused | TryLater:
    if error.errno == socket.EAI_AGAIN:
        return TryLater(f"the name server did not answer for `{host}`", url=redact_url(url))
    return UrlRefused(redact_url(url), f"the host `{host}` does not exist", remedy="check the spelling")


def _bracketed(host: str) -> str:
    return f"[{host}]" if ":" in host else host


def _of_family(answers: list[Resolved], source_address: tuple[str, int] | None) -> list[Resolved]:
    if source_address is None:
        return answers
    family = socket.AF_INET6 if ":" in source_address[0] else socket.AF_INET
    return [answer for answer in answers if answer[0] == family]


def _dial(
    family: int,
    kind: int,
    protocol: int,
    address: tuple[Any, ...],
    timeout: float | None,
    source_address: tuple[str, int] | None,
) -> socket.socket:
    sock = socket.socket(family, kind, protocol)
    try:
        sock.settimeout(timeout)
        if source_address is not None:
            sock.bind(source_address)
        sock.connect(address)
    except OSError:
        sock.close()
        raise
    return sock

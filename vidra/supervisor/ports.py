"""Chooses a port by binding it, and leaves no gap between that choice and the back end's own bind."""

from __future__ import annotations

import errno
import socket
import sys
from collections.abc import Collection
from dataclasses import dataclass
from typing import Final
from urllib.parse import urlsplit

from vidra.errors import NoFreePort
from vidra.supervisor.interface import PortHandover, PortSpec

_BACKLOG: Final = 128
_CONNECT_LIMIT: Final = 0.25
"""Seconds to find out whether somebody listens on a port of this machine."""


@dataclass(kw_only=True, slots=True)
class Reservation:
    """A port that is ours. `release` gives it up; nothing else closes the socket."""

    host: str
    port: int
    handover: PortHandover
    _socket: socket.socket | None

    @property
    def descriptor(self) -> int | None:
        """Return the listening descriptor to hand over, if that is how it is done."""
        if self.handover is PortHandover.DESCRIPTOR and self._socket is not None:
            return self._socket.fileno()
        return None

    @property
    def held(self) -> bool:
        """Whether nobody else can have taken the port."""
        return self._socket is not None

    def before_spawn(self) -> None:
        """Let go now, if the back end needs the port to itself."""
        if self.handover is PortHandover.RELEASE:
            self.release()

    def release(self) -> None:
        """Give the port up."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def reserve(name: str, spec: PortSpec, *, prefer: int | None, avoid: Collection[int]) -> Reservation | None:
    """Return a bound port: `prefer` if it can be had, else the first free one in order.

    Returns None when the fixed port is taken. Raises `NoFreePort`, with what every port of the range
    said, when none is free.
    """
    if spec.fixed is not None:
        bound = _bind(spec, spec.fixed, reuse=True)
        return None if isinstance(bound, OSError) else bound
    scan: list[str] = []
    wanted = [prefer] if prefer is not None and spec.first <= prefer <= spec.last else []
    for port in (*wanted, *range(spec.first, spec.last + 1)):
        if port in avoid:
            scan.append(f"{port}: lost to another program a moment ago")
            continue
        # Only our own port of a moment ago may be bound while old connections of it linger.
        bound = _bind(spec, port, reuse=port == prefer)
        if isinstance(bound, Reservation):
            return bound
        scan.append(f"{port}: {bound.strerror or bound}")
    raise NoFreePort(name, spec.first, spec.last, evidence=scan)


def listens(host: str, port: int) -> bool:
    """Whether somebody accepts connections there; a full queue counts as yes."""
    try:
        socket.create_connection((_reachable(host), port), timeout=_CONNECT_LIMIT).close()
    except TimeoutError:
        return True
    except OSError:
        return False
    return True


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104 - compared, not bound


def base_url(host: str, port: int) -> str:
    """Return the address at which this machine reaches a back end bound to `host`."""
    name = _reachable(host)
    return f"http://[{name}]:{port}" if ":" in name else f"http://{name}:{port}"


def origin(url: str) -> str:
    """Return scheme, host and port of a URL."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def _bind(spec: PortSpec, port: int, *, reuse: bool) -> Reservation | OSError:
    handover = spec.handover
    if handover is PortHandover.HOLD and sys.platform != "linux":
        handover = PortHandover.RELEASE
    bound = socket.socket(socket.AF_INET6 if ":" in spec.host else socket.AF_INET)
    try:
        # Bound without SO_REUSEADDR, the port is refused to every other scanner, ours included. Set
        # afterwards, it lets the back end, which sets it too, bind and listen beside our silent socket.
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, int(reuse))
        bound.bind((spec.host, port))
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if handover is PortHandover.DESCRIPTOR:
            bound.listen(_BACKLOG)
    except OSError as error:
        bound.close()
        if error.errno in {errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL}:
            return error
        raise
    return Reservation(host=spec.host, port=port, handover=handover, _socket=bound)

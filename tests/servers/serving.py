"""Real sockets on loopback addresses: well-behaved, slow, silent, resetting, with sound and unsound TLS."""

from __future__ import annotations

import asyncio
import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator, MutableMapping
from contextlib import contextmanager
from typing import Any

import trustme
import uvicorn
from starlette.types import ASGIApp, Message, Receive, Scope, Send

PLEX_HASH = "0123456789abcdef0123456789abcdef"


class Faulty:
    """An application with a switch for every way in which a server fails; may be thrown while it serves."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self.delay = 0.0
        self.hangs = False
        self.status: int | None = None
        self.headers: dict[str, str] = {}
        self.only: str | None = None
        """Restrict the fault to paths that contain this text."""
        self.requests: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = str(scope["path"])
        self.requests.append(path)
        if self.only is not None and self.only not in path:
            await self.app(scope, receive, send)
            return
        await asyncio.sleep(self.delay)
        while self.hangs:  # noqa: ASYNC110 - switched from another thread, where an Event is not safe
            await asyncio.sleep(0.05)
        if self.status is None:
            await self.app(scope, receive, send)
        else:
            await _answer(send, self.status, self.headers)


async def _answer(send: Send, status: int, headers: MutableMapping[str, str]) -> None:
    raw = [(key.lower().encode(), value.encode()) for key, value in headers.items()]
    start: Message = {"type": "http.response.start", "status": status, "headers": raw}
    await send(start)
    await send({"type": "http.response.body", "body": b"<html>made up</html>"})


class Served:
    """A running server; `stop` ends it at once, as a crash would."""

    def __init__(self, app: ASGIApp, host: str, **options: Any) -> None:
        config = uvicorn.Config(app, host=host, port=0, lifespan="off", log_level="critical", **options)
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        deadline = time.monotonic() + 10
        while not self._server.started:
            assert time.monotonic() < deadline, "the server did not start"
            time.sleep(0.005)
        self.host, self.port = host, int(self._server.servers[0].sockets[0].getsockname()[1])
        scheme = "https" if options.get("ssl_certfile") else "http"
        self.url = f"{scheme}://{host}:{self.port}"

    def stop(self) -> None:
        """Close every connection and the port."""
        self._server.should_exit = self._server.force_exit = True
        self._thread.join(10)
        assert not self._thread.is_alive()


@contextmanager
def served(app: ASGIApp, host: str = "127.0.0.1", **options: Any) -> Iterator[Served]:
    """Serve the application on a free port of that address."""
    server = Served(app, host, **options)
    try:
        yield server
    finally:
        server.stop()


@contextmanager
def black_hole(host: str = "127.0.0.1") -> Iterator[str]:
    """Accept connections and never answer."""
    with socket.create_server((host, 0)) as listener:
        yield f"http://{host}:{listener.getsockname()[1]}"


@contextmanager
def resetting(host: str = "127.0.0.1") -> Iterator[str]:
    """Accept connections and reset them."""
    with socket.create_server((host, 0)) as listener:
        thread = threading.Thread(target=_reset_all, args=(listener,), daemon=True)
        thread.start()
        yield f"http://{host}:{listener.getsockname()[1]}"
        listener.shutdown(socket.SHUT_RDWR)
        thread.join(5)


def _reset_all(listener: socket.socket) -> None:
    while True:
        try:
            connection, _ = listener.accept()
        except OSError:
            return
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        connection.close()


def refused_url(host: str = "127.0.0.1") -> str:
    """Return an address where nothing listens."""
    with socket.create_server((host, 0)) as listener:
        return f"http://{host}:{listener.getsockname()[1]}"


def plex_direct_name(host: str) -> str:
    """Return the name Plex would give that IPv4 address."""
    return f"{host.replace('.', '-')}.{PLEX_HASH}.plex.direct"


def tls_options(authority: trustme.CA, name: str, folder: Any) -> dict[str, Any]:
    """Return uvicorn's options for a certificate of that name."""
    certificate = authority.issue_cert(name)
    path = folder / f"{name}.pem"
    certificate.private_key_and_cert_chain_pem.write_to_path(str(path))
    return {"ssl_certfile": str(path)}


def trusting(authority: trustme.CA) -> ssl.SSLContext:
    """Return a context that trusts this authority and nobody else."""
    context = ssl.create_default_context()
    authority.configure_trust(context)
    return context

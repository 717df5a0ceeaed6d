"""How the shim listens: sockets and protocols set so that no peer can hold on to us for ever."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import socket
from collections.abc import Iterator
from typing import Any, Final

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol, RequestResponseCycle
from uvicorn.protocols.websockets.websockets_sansio_impl import WebSocketsSansIOProtocol
from websockets.http11 import Request

from vidra.api.crowd import Crowd
from vidra.api.guard import LARGEST_HEAD
from vidra.api.services import Services
from vidra.api.streams.message import Ending
from vidra.api.streams.sending import CUT, DIRECT
from vidra.errors import UsageError

BACKLOG: Final = 2048
HEADER_S: Final = 10.0
"""Seconds a peer may take to send the head of a request."""
DRAIN_S: Final = 3
"""Seconds that requests under way get when the server stops."""
UNACKNOWLEDGED_MS: Final = 15_000
"""Milliseconds after which a peer that does not take our bytes counts as gone."""
SEND_BUFFER: Final = 128 * 1024
"""Bytes that the system holds for a peer that does not read; by itself it would take megabytes for each."""
WRITE_BUFFER: Final = 4 * 1024
"""Bytes that we hold besides before a sender has to wait."""
LARGEST_WRITE: Final = 16 * 1024
"""Bytes that are written past the sender: what a peer does not take is ours to keep."""
LARGEST_WS_MESSAGE: Final = 65_536


class PatientProtocol(H11Protocol):
    """HTTP/1.1 that hangs up on who does not finish the head of a request in time."""

    patience: float = HEADER_S
    crowd: Crowd
    """Of this server; see `config_of`."""
    _deadline: asyncio.TimerHandle | None = None
    _turned_away = False

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn has it
        """Start the clock; turn away who holds too many connections."""
        super().connection_made(transport)
        if not self.crowd.enter(_address(transport)):
            self._turned_away = True
            transport.abort()
            return
        transport.set_write_buffer_limits(high=WRITE_BUFFER)
        self._deadline = self.loop.call_later(self.patience, self._give_up)

    def data_received(self, data: bytes) -> None:
        """Go on; a complete head stops the clock, the first bytes of a further one start it again."""
        super().data_received(data)
        if self.scope is not None:  # the application's task has not begun yet
            extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
            extensions |= {DIRECT: self.write_part, CUT: self.transport.abort}
        if self._is_serving() or self.transport.get_protocol() is not self:
            self._stop_clock()  # a WebSocket has another protocol by now; the clock would keep this one alive
        elif self._deadline is None and not self.transport.is_closing():
            self._deadline = self.loop.call_later(self.patience, self._give_up)

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the clock."""
        self._stop_clock()
        if not self._turned_away:
            self.crowd.leave(_address(self.transport))
        super().connection_lost(exc)

    def write_part(self, data: bytes) -> bool:
        """Write a part of a body that is being streamed, if nothing is in its way; return whether it was."""
        cycle: RequestResponseCycle | None = self.cycle
        streaming = cycle is not None and cycle.response_started and not cycle.response_complete
        if (
            not streaming
            or self.flow.write_paused
            or self.transport.is_closing()
            or len(data) > LARGEST_WRITE
        ):
            return False
        self.transport.write(self.conn.send(event=h11.Data(data=data)) or b"")
        return True

    def _give_up(self) -> None:
        self._deadline = None
        if not self._is_serving():
            self.transport.abort()

    def _is_serving(self) -> bool:
        cycle: RequestResponseCycle | None = self.cycle  # None before the first request
        return cycle is not None and not cycle.response_complete

    def _stop_clock(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None


class FrameProtocol(WebSocketsSansIOProtocol):
    """WebSockets that also take ready-made frames: a message to a hundred peers is framed once."""

    crowd: Crowd
    """Of this server; see `config_of`."""

    def handle_connect(self, event: Request) -> None:
        """Offer the way past the framing to the application."""
        super().handle_connect(event)
        if hasattr(self, "scope"):
            extensions: dict[str, Any] = self.scope.setdefault("extensions", {})
            extensions |= {DIRECT: self.write_frame, CUT: self.transport.abort}

    def connection_lost(self, exc: Exception | None) -> None:
        """Count it out: it came in as an HTTP connection."""
        self.crowd.leave(_address(self.transport))
        super().connection_lost(exc)

    def write_frame(self, frame: bytes) -> bool:
        """Write frames now, if nothing is in their way; return whether they were. For after the handshake."""
        if (
            self.close_sent
            or not self.writable.is_set()
            or self.transport.is_closing()
            or len(frame) > LARGEST_WRITE
        ):
            return False
        self.transport.write(frame)
        return True


def bind(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 takes a free one. Raises `UsageError` naming the port."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # With the protocol left open, asyncio would not send small answers at once: 40 ms each.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if hasattr(socket, "TCP_USER_TIMEOUT"):  # Linux; accepted connections inherit it
            listener.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, UNACKNOWLEDGED_MS)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, SEND_BUFFER)
        listener.bind((host, port))
        listener.listen(BACKLOG)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"cannot listen on {host}:{port}: {error.strerror}; choose another server.port"
        ) from error
    return listener


def _address(transport: asyncio.BaseTransport) -> str:
    peer = transport.get_extra_info("peername")
    return str(peer[0]) if isinstance(peer, tuple) else ""


def config_of(app: FastAPI, crowd: Crowd | None = None) -> uvicorn.Config:
    """Return how uvicorn serves the application, to so many connections of an address.

    Its own log stays at warnings: below that it writes the queries of WebSockets, tokens included.
    """
    of_server = {"crowd": crowd or Crowd()}
    return uvicorn.Config(
        app,
        http=type("Http", (PatientProtocol,), of_server),
        ws=type("Frames", (FrameProtocol,), of_server),
        lifespan="on",
        log_config=None,
        log_level=logging.WARNING,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        date_header=True,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=DRAIN_S,
        h11_max_incomplete_event_size=LARGEST_HEAD,
        ws_max_size=LARGEST_WS_MESSAGE,
        ws_ping_interval=20,
        ws_ping_timeout=20,
        ws_per_message_deflate=False,
    )


class Server(uvicorn.Server):
    """A server that ends when it is asked to; signals are its caller's matter."""

    def __init__(self, app: FastAPI, *, crowd: Crowd | None = None) -> None:
        self._app = app
        super().__init__(config_of(app, crowd))

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        """Leave the signals alone."""
        yield

    def stop(self) -> None:
        """Take no further requests, let those under way finish, end. Safe from any thread."""
        self.should_exit = True

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Let streams go first: they never finish by themselves."""
        services: Services = self._app.state.services
        services.end_streams(Ending.SHUTDOWN)
        await super().shutdown(sockets)

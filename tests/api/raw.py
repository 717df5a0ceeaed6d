"""Bytes straight to the socket: what no well-behaved client library would send."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def connection(port: int) -> Iterator[socket.socket]:
    """Yield a connection to the server."""
    with socket.create_connection(("127.0.0.1", port), timeout=15) as sock:
        yield sock


def ask(port: int, head: str, body: bytes = b"") -> tuple[int, bytes]:
    """Send a request as it stands; return the status and everything that came back."""
    with connection(port) as sock:
        sock.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        return answer(sock)


def answer(sock: socket.socket) -> tuple[int, bytes]:
    """Read until the server hangs up or has answered; return the status (0 for none) and the text."""
    received = b""
    try:
        while part := sock.recv(65536):
            received += part
            if _is_whole(received):
                break
    except (ConnectionError, TimeoutError):
        pass
    status = received.split(b" ", 2)[1:2]
    return (int(status[0]) if status else 0), received


def _is_whole(received: bytes) -> bool:
    head, blank, body = received.partition(b"\r\n\r\n")
    lengths = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:")]
    return bool(blank and lengths and len(body) >= int(lengths[0].split(b":")[1]))

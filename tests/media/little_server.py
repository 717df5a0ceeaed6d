"""Little web servers on loopback addresses, for tests about who may talk to whom."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Reply = Callable[[str], tuple[int, dict[str, str], bytes]]


@dataclass
class Server:
    """A little web server that remembers what it was asked."""

    host: str
    port: int
    seen: list[tuple[str, dict[str, str]]] = field(default_factory=list)

    def url(self, path: str = "/") -> str:
        return f"http://{self.host}:{self.port}{path}"


Serve = Callable[..., Server]
"""Starts a server: `serve(reply, host)`."""


@contextlib.contextmanager
def serving() -> Iterator[Serve]:
    """Hand out a function that starts servers on loopback addresses; all end with the block."""
    with contextlib.ExitStack() as ending:

        def start(reply: Reply, host: str = "127.0.0.1") -> Server:
            server = Server(host=host, port=0)

            class Handler(BaseHTTPRequestHandler):
                protocol_version = "HTTP/1.1"

                def do_GET(self) -> None:
                    server.seen.append((self.path, {k.lower(): v for k, v in self.headers.items()}))
                    status, headers, body = reply(self.path)
                    self.send_response(status)
                    for name, value in {"Content-Length": str(len(body)), **headers}.items():
                        self.send_header(name, value)
                    self.end_headers()
                    self.wfile.write(body)

                def do_CONNECT(self) -> None:
                    self.do_GET()

                def log_message(self, format: str, *args: Any) -> None:  # noqa: A002 - its name upstream
                    """Stay silent."""

            web = ThreadingHTTPServer((host, 0), Handler)
            server.port = web.server_port
            thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.01})
            thread.start()
            ending.callback(thread.join)
            ending.callback(web.server_close)
            ending.callback(web.shutdown)
            return server

        yield start


def text(body: str) -> tuple[int, dict[str, str], bytes]:
    """Answer with a text."""
    return 200, {"Content-Type": "text/plain"}, body.encode()


def moved(url: str) -> tuple[int, dict[str, str], bytes]:
    """Answer with a redirect."""
    return 302, {"Location": url}, b""

"""Serves the site over HTTP/1.1 with Range, keep-alive and faults.

Texts stand in `routes`, faults in `faults`. Besides those:

    /m/ /hls/ /aes/ /dash/    generated files
    /n/<k>.mp4 .jpg           the small clip and its picture, for any k
    /named/<any name>         the small clip under that name, as an attachment
    /hole/<id>/…              like /hls/, but the second segment is missing
    /moved/<path>             redirects to /<path>;  /to?<address>  to that address;  /loop  for ever
    GET /_log                 the requests so far, as JSON lines;  POST /_reset  clears log and counters
"""

from __future__ import annotations

import json
import mimetypes
import re
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Final
from urllib.parse import unquote, urlsplit

from tests.site.body import Body, Broken, edition_of
from tests.site.faults import Fault, Faults, parse_faults
from tests.site.routes import HTML, text_for

_TYPES: Final = {
    ".m3u8": "application/vnd.apple.mpegurl",
    ".mpd": "application/dash+xml",
    ".vtt": "text/vtt",
    ".ts": "video/mp2t",
    ".m4s": "video/iso.segment",
    ".mp4": "video/mp4",
    ".mp3": "audio/mpeg",
    ".jpg": "image/jpeg",
}


@dataclass(kw_only=True, slots=True)
class Request:
    """One request as the site saw it."""

    method: str
    path: str
    at: float
    """Unix time."""
    headers: dict[str, str] = field(default_factory=dict)
    """Names in lower case."""
    status: int | None = None
    sent: int = 0
    """Bytes of the body so far."""
    client: int = 0
    """The client's port: the same for requests over one connection."""
    until: float | None = None
    """Unix time when the last byte of the body had gone out, or the client had left; None before."""


class MediaSite:
    """A running site: its address, what it was asked, and its fault counters."""

    def __init__(self, root: Path, base: str) -> None:
        self.root, self.base = root, base
        self._lock = threading.Lock()
        self._counts: Counter[tuple[str, str]] = Counter()
        self._log: list[Request] = []

    def url(self, path: str) -> str:
        """Return the full address of a path."""
        return f"{self.base}/{path.lstrip('/')}"

    def file(self, name: str) -> Path:
        """Return a generated file, for comparing bytes."""
        return self.root / name

    def requests(self, containing: str = "") -> list[Request]:
        """Return requests so far whose path contains the text, in the order they came."""
        with self._lock:
            return [request for request in self._log if containing in request.path]

    def record(self, request: Request) -> None:
        """Remember a request."""
        with self._lock:
            self._log.append(request)

    def reset(self) -> None:
        """Forget requests and fault counters. Tests that share a site use a `tag` fault instead."""
        with self._lock:
            self._counts.clear()
            self._log.clear()

    def hits(self, path: str, fault: Fault) -> bool:
        """Count the request; return whether the fault still applies to it."""
        with self._lock:
            self._counts[path, fault.name + fault.value] += 1
            return fault.times is None or self._counts[path, fault.name + fault.value] <= fault.times

    def bodies(self, path: str) -> int:
        """Count one more body of the path; return how many there were before."""
        with self._lock:
            self._counts[path, "body"] += 1
            return self._counts[path, "body"] - 1


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # head and body are two writes: without this each answer waits 40 ms
    site: MediaSite

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class names it so
        """Stay quiet; the request log is `MediaSite.requests`."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.path != "/_reset":
            return self._send(405, b"only /_reset takes a POST\n")
        self.site.reset()
        return self._send(204, b"")

    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        parts = urlsplit(self.path)
        path = unquote(parts.path)
        if path == "/_log":
            rows = "".join(json.dumps(asdict(request)) + "\n" for request in self.site.requests())
            return self._send(200, rows.encode(), "application/x-ndjson")
        headers = {name.lower(): value for name, value in self.headers.items()}
        self.request_seen = Request(
            method=self.command, path=path, at=time.time(), headers=headers, client=self.client_address[1]
        )
        self.site.record(self.request_seen)
        try:
            self._answer(path, parts.query)
        except Broken:
            self._reset_connection()
        except (BrokenPipeError, ConnectionResetError, TimeoutError):
            self.close_connection = True
        return None

    def _answer(self, path: str, query: str) -> None:
        faults, real = Faults(), path
        if match := re.fullmatch(r"/f/([^/]+)(/.*)", path):
            try:
                faults, real = parse_faults(match[1]), match[2]
            except ValueError as error:
                return self._send(400, f"no such fault: {error}\n".encode())
        time.sleep(faults.seconds("wait"))
        if self._refuse(path, faults):
            return None
        if location := _redirect(real, query):
            return self._send(302, b"", extra={"Location": location})
        base = f"http://{self.headers.get('Host', self.site.base.removeprefix('http://'))}"
        if text := text_for(real, base):
            return self._send(200, text[0].encode(), text[1])
        target = self._file(real)
        if target is None:
            return self._send(404, b"not found\n")
        return self._send_file(path, real, target, faults)

    def _refuse(self, path: str, faults: Faults) -> bool:
        """Answer with a status or a page instead of the file, if a fault says so."""
        for fault in faults.all:
            if fault.name == "s" and self.site.hits(path, fault):
                after = faults.get("ra")
                extra = {"Retry-After": after.value} if after else {}
                self._send(int(fault.value), f"fault: {fault.value}\n".encode(), extra=extra)
                return True
            if fault.name == "bot" and self.site.hits(path, fault):
                self._send(403, b"<title>Just a moment...</title>", HTML, {"cf-mitigated": "challenge"})
                return True
            if fault.name == "cookie" and f"session={fault.value}" not in self.headers.get("Cookie", ""):
                self._send(403, b"<title>Sign in to see this</title>", HTML)
                return True
            if fault.name == "html" and self.site.hits(path, fault):
                body = b"<!doctype html><title>Please sign in</title><p>Not the file you wanted."
                self._send(int(fault.value or 200), body, HTML)
                return True
        return False

    def _file(self, path: str) -> Path | None:
        if match := re.fullmatch(r"/n/\d+\.(mp4|jpg)", path):
            path = f"/m/vid000.{match[1]}"
        if path.startswith("/named/"):
            path = "/m/vid000.mp4"
        if path.startswith("/hole/"):
            path = "" if path.endswith("001.ts") else path.replace("/hole/", "/hls/", 1)
        target = (self.site.root / path.lstrip("/")).resolve()
        return target if target.is_relative_to(self.site.root) and target.is_file() else None

    def _send_file(self, path: str, real: str, target: Path, faults: Faults) -> None:
        edition = edition_of(target, faults, self.site.bodies(path) if self.command == "GET" else 0)
        wanted = None if "norange" in faults else self.headers.get("Range")
        span = _span(wanted, len(edition.content))
        if span is None:
            return self._send(416, b"", extra={"Content-Range": f"bytes */{len(edition.content)}"})
        head: dict[str, str | None] = {
            "Content-Type": _TYPES.get(target.suffix) or mimetypes.guess_type(target.name)[0],
            "Last-Modified": self.date_time_string(int(edition.modified)),
            "ETag": f'"{edition.etag}"' if edition.etag else None,
            "Accept-Ranges": None if "norange" in faults else "bytes",
            "Content-Range": f"bytes {span[0]}-{span[1] - 1}/{len(edition.content)}" if wanted else None,
            "Content-Disposition": _attachment(real, faults),
        }
        self._send_body(path, Body(edition.content[slice(*span)], faults), head, partial=wanted is not None)
        return None

    def _send_body(self, path: str, body: Body, head: dict[str, str | None], *, partial: bool) -> None:
        self.request_seen.status = 206 if partial else 200
        self.send_response(self.request_seen.status)
        for name, value in head.items():
            if value is not None:
                self.send_header(name, value)
        self._send_framing(body)
        self.end_headers()
        if self.command != "GET":
            return
        try:
            body.send(self.wfile, lambda fault: self.site.hits(path, fault), self._count)
        finally:
            self._count(body.sent)
            self.request_seen.until = time.time()
            self.close_connection = self.close_connection or body.closed_short

    def _count(self, sent: int) -> None:
        self.request_seen.sent = sent

    def _send_framing(self, body: Body) -> None:
        if body.unsaid:
            self.send_header("Connection", "close")
            self.close_connection = True
        elif body.chunked:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(body.length))

    def _send(
        self,
        status: int,
        body: bytes,
        content_type: str = "text/plain; charset=utf-8",
        extra: dict[str, str] | None = None,
    ) -> None:
        if seen := getattr(self, "request_seen", None):
            seen.status, seen.sent = status, len(body)
        self.send_response(status)
        headers = {"Content-Type": content_type, "Content-Length": str(len(body)), **(extra or {})}
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def _reset_connection(self) -> None:
        """Close with RST instead of FIN: the other side sees `connection reset`."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.close_connection = True


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 64

    def __init__(self, address: tuple[str, int], handler: type[_Handler]) -> None:
        self._open: set[socket.socket] = set()
        super().__init__(address, handler)

    def get_request(self) -> tuple[socket.socket, object]:
        connection, address = super().get_request()
        self._open.add(connection)
        return connection, address

    def shutdown_request(self, request: object) -> None:
        """Just close: the base class's orderly shutdown would precede the RST that a `cut` asks for."""
        assert isinstance(request, socket.socket)
        self._open.discard(request)
        request.close()

    def handle_error(self, request: object, client_address: object) -> None:
        """Clients that go away are part of the tests."""

    def close_connections(self) -> None:
        """End kept-alive connections, and with them the threads that wait on them."""
        for connection in list(self._open):
            try:
                connection.shutdown(socket.SHUT_RDWR)
            except OSError:
                self._open.discard(connection)


def _redirect(path: str, query: str) -> str | None:
    if path.startswith("/moved/"):
        return path.removeprefix("/moved")
    if path == "/to":
        return unquote(query)
    return "/loop" if path == "/loop" else None


def _attachment(path: str, faults: Faults) -> str | None:
    if "named" not in faults and not path.startswith("/named/"):
        return None
    return f'attachment; filename="{path.rpartition("/")[2]}"'


def _span(wanted: str | None, size: int) -> tuple[int, int] | None:
    """Return start and stop of a Range header; None when it cannot be satisfied."""
    match = re.fullmatch(r"bytes=(\d*)-(\d*)", (wanted or "bytes=0-").strip())
    if not match or not (match[1] or match[2]):
        return 0, size
    if not match[1]:
        return max(0, size - int(match[2])), size
    start = int(match[1])
    stop = min(size, int(match[2]) + 1) if match[2] else size
    return (start, stop) if start < size else None


@contextmanager
def serve(root: Path, *, port: int = 0, host: str = "127.0.0.1") -> Iterator[MediaSite]:
    """Serve the folder on a thread for the length of a `with`; port 0 takes a free one."""
    handler: type[_Handler] = type("Handler", (_Handler,), {})
    server = _Server((host, port), handler)
    handler.site = MediaSite(root.resolve(), f"http://{host}:{server.server_address[1]}")
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield handler.site
    finally:
        server.shutdown()
        server.close_connections()
        server.server_close()
        thread.join()

"""Wakes a thread that is stuck inside yt-dlp: in a socket, or waiting for ffmpeg.

Closing a socket from another thread does not wake its reader; shutting it down does. Child processes
are attributed to the session that started them through a context variable, because one process runs
several sessions and must end only the right one's ffmpeg.
"""

from __future__ import annotations

import contextlib
import socket
import subprocess
import threading
from collections.abc import Iterator, Sequence
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import cache, wraps
from importlib import import_module
from typing import Any
from weakref import WeakSet

from yt_dlp.downloader.common import FileDownloader
from yt_dlp.utils import Popen

from vidra.media.addresses import AddressGuard
from vidra.media.foreign import Foreign

_Popen: Foreign = Popen
_TIDY_ABOVE = 64  # open things to remember before the closed ones among them are forgotten


class Interrupter:
    """Everything one session has open: what can block it, and what it must not leave open."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._responses: set[Foreign] = set()
        self._connections: WeakSet[Foreign] = WeakSet()
        self._files: list[Foreign] = []
        self._children: set[subprocess.Popen[Any]] = set()
        self._is_over = False

    def add_response(self, response: Foreign) -> None:
        """Remember a response whose body may be read for a long time."""
        with self._lock:
            if len(self._responses) > _TIDY_ABOVE:
                self._responses = {other for other in self._responses if not other.closed}
            self._responses.add(response)
        if self._is_over:
            _end_reading(response)

    def add_connection(self, connection: Foreign) -> None:
        """Remember a connection on which an answer may be awaited; one that comes too late is shut."""
        with self._lock:
            self._connections.add(connection)
            is_late = self._is_over
        if is_late:
            _shut(getattr(connection, "sock", None))

    def add_file(self, file: Foreign) -> None:
        """Remember a file that yt-dlp writes to, and forgets to close when it fails half way."""
        with self._lock:
            if len(self._files) > _TIDY_ABOVE:
                self._files = [other for other in self._files if not _is_closed(other)]
            self._files.append(file)

    @contextlib.contextmanager
    def watching(self) -> Iterator[None]:
        """Attribute what yt-dlp starts and opens to this session, and close all of it at the end.

        A `.part` left open would keep its lock, and the next attempt could not resume it.
        """
        _watch_programs()
        _watch_files()
        self._is_over = False
        token = _current.set(self)
        try:
            yield
        finally:
            _current.reset(token)
            self._release()

    def interrupt(self) -> None:
        """End every read and every program that is under way; the thread inside gets an error."""
        with self._lock:
            self._is_over = True
            connections, responses = list(self._connections), list(self._responses)
            children = list(self._children)
        for child in children:
            child.kill()
        for connection in connections:
            _shut(getattr(connection, "sock", None))
        for response in responses:
            _end_reading(response)

    def _release(self) -> None:
        with self._lock:
            responses, files = self._responses, self._files
            self._responses, self._files = set(), []
        for opened in (*responses, *files):
            # The disk may refuse what was still in a buffer; the failure that led here is already told.
            with contextlib.suppress(OSError, ValueError):
                opened.close()

    def started(self, child: subprocess.Popen[Any]) -> None:
        """Remember a program; one that starts after the interruption is ended at once."""
        with self._lock:
            self._children.add(child)
            is_late = self._is_over
        if is_late:
            child.kill()

    def ended(self, child: subprocess.Popen[Any]) -> None:
        """Forget a program."""
        with self._lock:
            self._children.discard(child)


_current: ContextVar[Interrupter | None] = ContextVar("vidra_interrupter", default=None)


@dataclass(frozen=True, kw_only=True, slots=True)
class WatchfulGuard(AddressGuard):
    """The address guard, also telling an interrupter about every connection that is opened."""

    interrupter: Interrupter = field(compare=False)

    def opened(self, connection: Foreign) -> None:
        """Remember the connection."""
        self.interrupter.add_connection(connection)


def run_program(command: Sequence[str], *, timeout: float) -> subprocess.CompletedProcess[bytes]:
    """Run a program of ours like `subprocess.run`, ended when the session on this thread is interrupted.

    Raises `subprocess.TimeoutExpired` after `timeout` seconds; the program has ended then.
    """
    pipe, interrupter = subprocess.PIPE, _current.get()
    with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=pipe, stderr=pipe) as child:
        if interrupter:
            interrupter.started(child)
        try:
            stdout, stderr = child.communicate(timeout=timeout)
        except subprocess.TimeoutExpired:
            child.kill()
            raise
        finally:
            if interrupter:
                interrupter.ended(child)
    return subprocess.CompletedProcess(command, child.returncode, stdout, stderr)


class _WatchedPopen(_Popen):  # type: ignore[misc]  # yt-dlp ships no types
    """yt-dlp's way to run a program, known to the session on whose behalf it runs."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._interrupter = _current.get()
        if self._interrupter:
            self._interrupter.started(self)

    def __exit__(self, *args: object) -> None:
        try:
            super().__exit__(*args)
        finally:
            if self._interrupter:
                self._interrupter.ended(self)


def _end_reading(response: Foreign) -> None:
    raw = getattr(getattr(response, "_requests_response", None), "raw", None)
    if raw is not None and hasattr(raw, "shutdown"):
        # Nothing to end (ValueError, RuntimeError), or the other side was quicker (OSError).
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            raw.shutdown()


@cache
def _watch_files() -> None:
    """Hear of every file that a downloader opens, on whatever thread."""
    downloader: Foreign = FileDownloader
    sanitize_open = downloader.sanitize_open

    @wraps(sanitize_open)
    def watched_open(self: Foreign, filename: str, open_mode: str) -> Foreign:
        opened = sanitize_open(self, filename, open_mode)
        if interrupter := getattr(self.ydl, "interrupter", None):
            interrupter.add_file(opened[0])
        return opened

    downloader.sanitize_open = watched_open


def _is_closed(file: Foreign) -> bool:
    return bool(getattr(getattr(file, "f", file), "closed", False))


@cache
def _watch_programs() -> None:
    """Put our class where yt-dlp's post-processors look for theirs; there is no other hook."""
    for name in ("embedthumbnail", "ffmpeg"):
        module: Foreign = import_module(f"yt_dlp.postprocessor.{name}")
        module.Popen = _WatchedPopen


def _shut(sock: socket.socket | None) -> None:
    if sock is not None:
        # Already closed, or never connected: then nobody is waiting in it either.
        with contextlib.suppress(OSError):
            sock.shutdown(socket.SHUT_RDWR)

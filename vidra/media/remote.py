"""A media session at work in a process of its own, asked over a connection.

Threads of one process take turns with one interpreter, and a page takes it for 20 ms and more. Processes do
not, and what one of them breaks is its own. `RemoteSession` is the side that asks, `SessionServer` the other.
"""

from __future__ import annotations

import os
import queue
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any, Final, TypeAlias

from vidra.errors import MediaError, TryLater, VidraError
from vidra.media.interface import (
    DownloadedMedia,
    Listing,
    LogLevel,
    LogSink,
    MediaEntry,
    Progress,
    ProgressSink,
    Refusal,
    StopSignal,
)
from vidra.media.session import MediaSession

GRACE: Final = 10.0
"""Seconds in which work comes to its end when whoever ordered it is gone; then the process just ends."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Order:
    """Do what this method of the session does."""

    method: str
    arguments: Mapping[str, Any]
    is_choosy: bool = False
    """Ask whether an item is refused."""


@dataclass(frozen=True, slots=True)
class Stop:
    """Stop the work at hand."""

    reason: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """Why a candidate is refused; None if it is not."""

    reason: str | None


@dataclass(frozen=True, slots=True)
class Said:
    """A line for the log."""

    level: LogLevel
    text: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """Say whether this is refused."""

    entry: MediaEntry


@dataclass(frozen=True, slots=True)
class Returned:
    """What the method returned."""

    value: Any


@dataclass(frozen=True, slots=True)
class Raised:
    """What it raised instead."""

    error: VidraError


_Answer: TypeAlias = Returned | Raised


class Gone(Exception):
    """The other side of a channel has ended."""


class Channel:
    """A connection that threads may send on side by side; one thread reads. Both raise `Gone`."""

    def __init__(self, connection: Connection) -> None:
        self._connection, self._sending = connection, threading.Lock()

    def send(self, message: object) -> None:
        """Send a message, which can be pickled."""
        with self._sending, _gone_if_ended():
            self._connection.send(message)

    def receive(self) -> Any:  # noqa: ANN401 - whatever was sent
        """Wait for a message."""
        with _gone_if_ended():
            return self._connection.recv()

    def close(self) -> None:
        """Let the other side know that nothing will come."""
        self._connection.close()

    @property
    def is_closed(self) -> bool:
        """Whether this side has closed it."""
        return self._connection.closed


@contextmanager
def _gone_if_ended() -> Iterator[None]:
    try:
        yield
    except (EOFError, OSError) as error:
        raise Gone from error


class RemoteSession:
    """Does as `MediaSession` does, elsewhere; for one thread at a time.

    Beyond what that raises, `TryLater` when the other process has ended amid its work.
    """

    def __init__(self, connection: Connection, opening: object, *, log: LogSink) -> None:
        """Have a session opened; `opening` is what the other side opens it with."""
        self._channel, self._log = Channel(connection), log
        with suppress(Gone):  # the first call says so
            self._channel.send(opening)

    @property
    def is_over(self) -> bool:
        """Whether it cannot be used any more."""
        return self._channel.is_closed

    def list(self, url: str, *, stop: StopSignal) -> Listing:
        """Do as `MediaSession.list`."""
        listing: Listing = self._call(Order(method="list", arguments={"url": url}), stop)
        return listing

    def download(
        self,
        entry: MediaEntry,
        *,
        workdir: Path,
        stop: StopSignal,
        progress: ProgressSink,
        playlist: Listing | None = None,
        existing: Path | None = None,
        refusal: Refusal | None = None,
    ) -> DownloadedMedia:
        """Do as `MediaSession.download`."""
        arguments = {"entry": entry, "workdir": workdir, "playlist": playlist, "existing": existing}
        order = Order(method="download", arguments=arguments, is_choosy=refusal is not None)
        media: DownloadedMedia = self._call(order, stop, progress, refusal)
        return media

    def close(self) -> None:
        """Let the other process end."""
        self._channel.close()

    def _call(
        self,
        order: Order,
        stop: StopSignal,
        progress: ProgressSink | None = None,
        refusal: Refusal | None = None,
    ) -> Any:  # noqa: ANN401 - what the method returns
        try:
            self._channel.send(order)
            with stop.calling(lambda: self._stop(stop.reason)):
                answer = self._answer(progress, refusal)
        except Gone as error:
            self.close()
            raise TryLater("the process that downloaded this has ended unexpectedly") from error
        except BaseException:
            self.close()  # what it still has to say must not answer the next call
            raise
        if isinstance(answer, Raised):
            raise answer.error
        return answer.value

    def _answer(self, progress: ProgressSink | None, refusal: Refusal | None) -> _Answer:
        while True:
            message = self._channel.receive()
            if isinstance(message, Progress) and progress:
                progress(message)
            elif isinstance(message, Said):
                self._log(message.level, message.text)
            elif isinstance(message, Candidate):
                self._channel.send(Verdict(refusal(message.entry) if refusal else None))
            elif isinstance(message, _Answer):
                return message

    def _stop(self, reason: str) -> None:
        with suppress(Gone):  # it has ended already, which whoever waits for it hears
            self._channel.send(Stop(reason))


def _raised(error: Exception) -> Raised:
    """Return what is told of an error; others than ours need not fit through."""
    return Raised(error if isinstance(error, VidraError) else MediaError(f"unexpected error: {error!r}"))


def _end_process() -> None:
    os._exit(1)


class SessionServer:
    """Does what is ordered over a connection, with one session, until the connection ends."""

    def __init__(
        self, connection: Connection, *, grace: float = GRACE, give_up: Callable[[], None] = _end_process
    ) -> None:
        """Take the connection; `give_up` is called when work does not end `grace` seconds after it has."""
        self._channel = Channel(connection)
        self._grace, self._give_up = grace, give_up
        self._has_served = threading.Event()
        self._orders: queue.SimpleQueue[tuple[Order, StopSignal] | None] = queue.SimpleQueue()
        self._verdicts: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._stop = StopSignal()

    def serve(self, open_session: Callable[[Any, LogSink], MediaSession]) -> None:
        """Open the session with what the other side sent for that, and work."""
        with suppress(Gone):  # there is nobody to tell
            opening = self._channel.receive()
            threading.Thread(target=self._listen, daemon=True).start()
            try:
                session = open_session(opening, self._say)
            except Exception as error:  # noqa: BLE001 - told where it was ordered
                failure = _raised(error)
                self._answer(lambda *_: failure)
            else:
                with session:
                    self._answer(partial(self._done, session))
        self._has_served.set()

    def _answer(self, work: Callable[[Order, StopSignal], _Answer]) -> None:
        while (order := self._orders.get()) is not None:
            self._channel.send(work(*order))

    def _done(self, session: MediaSession, order: Order, stop: StopSignal) -> _Answer:
        arguments = {**order.arguments, "stop": stop}
        if order.method == "download":
            refusal = self._refusal if order.is_choosy else None
            arguments |= {"progress": self._channel.send, "refusal": refusal}
        try:
            return Returned(getattr(session, order.method)(**arguments))
        except Exception as error:  # noqa: BLE001 - told where it was ordered
            return _raised(error)

    def _listen(self) -> None:
        with suppress(Gone):
            while True:
                self._take(self._channel.receive())
        self._stop.set("its run has ended")
        self._verdicts.put(None)
        self._orders.put(None)
        if not self._has_served.wait(self._grace):
            self._give_up()

    def _take(self, message: object) -> None:
        if isinstance(message, Order):
            self._stop = StopSignal()
            self._orders.put((message, self._stop))
        elif isinstance(message, Stop):
            self._stop.set(message.reason)
        elif isinstance(message, Verdict):
            self._verdicts.put(message.reason)

    def _say(self, level: LogLevel, text: str) -> None:
        self._channel.send(Said(level, text))

    def _refusal(self, entry: MediaEntry) -> str | None:
        self._channel.send(Candidate(entry))
        return self._verdicts.get()

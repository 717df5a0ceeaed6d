"""Runs blocking media work on threads, each with a media session of its own, and stops it on demand."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

import anyio

from tasks.media_sessions import Session
from vidra.media.interface import StopSignal

T = TypeVar("T")
Work = Callable[[Session, StopSignal], T]


class SessionPool:
    """A bounded set of worker threads; each opens its media session once and keeps it while it is good.

    A fresh session costs 80 ms, and one must not be shared between threads. Cancelling the awaiting
    task (a timeout, Ctrl-C) sets the stop signal of that piece of work and waits until it has stopped,
    so no thread goes on behind the back of a task that is over.
    """

    def __init__(self, open_session: Callable[[], Session], *, size: int) -> None:
        self._open = open_session
        self._local = threading.local()
        self._sessions: list[Session] = []
        self._stops: set[StopSignal] = set()
        self._lock = threading.Lock()
        self._threads = ThreadPoolExecutor(size, thread_name_prefix="media")

    async def run(self, work: Work[T]) -> T:
        """Do the work on one of the threads; raises what it raises."""
        stop = StopSignal()
        context = contextvars.copy_context()
        loop = asyncio.get_running_loop()
        future = loop.run_in_executor(self._threads, lambda: context.run(self._do, work, stop))
        with self._lock:
            self._stops.add(stop)
        try:
            return await asyncio.shield(future)
        except asyncio.CancelledError:
            stop.set("interrupted")
            with anyio.CancelScope(shield=True):
                await asyncio.wait([future])
            if not future.cancelled():
                future.exception()  # it says `Cancelled`, as asked; unread, asyncio would report it as lost
            raise
        finally:
            with self._lock:
                self._stops.discard(stop)

    def stop(self, reason: str) -> None:
        """Ask everything that is under way to stop."""
        with self._lock:
            for signal in self._stops:
                signal.set(reason)

    def close(self) -> None:
        """End the threads and close their sessions; what is under way is stopped first."""
        self.stop("closing")
        self._threads.shutdown(wait=True, cancel_futures=True)
        for session in self._sessions:
            session.close()

    def _do(self, work: Work[T], stop: StopSignal) -> T:
        stop.raise_if_set()
        session: Session | None = getattr(self._local, "session", None)
        if session is None or session.is_over:
            session = self._local.session = self._open()
            with self._lock:
                self._sessions.append(session)
        return work(session, stop)

"""Forks processes for a run, which has threads soon and must not fork itself then.

A run's companion is forked from it while it has a single thread, with everything imported that the run has.
For each connection the run asks for, the companion forks one process; that calls the function it was given
the name of with its end of the connection, and ends with it. All of them are in the process group of the
run, which the nursery ends with the run; should the nursery be gone too, their connections end.
"""

from __future__ import annotations

import os
import random
import signal
import socket
import threading
from functools import partial
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Final

from vidra.forks import end_with

LONGEST_NAME: Final = 256
_NOT_OURS: Final = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
"""Signals about which the run decides."""

_companion: Companion | None = None


class Companion:
    """The run's side of the conversation with the process that forks for it. Safe between threads."""

    def __init__(self, orders: socket.socket, pid: int) -> None:
        self.pid = pid
        self._orders, self._lock = orders, threading.Lock()
        self._connections: list[Connection] = []

    def connect(self, serve: str, *, most: int) -> Connection | None:
        """Return a connection to a new process that calls this function, `module:name`, with its own end.

        None when there are `most` such processes, or the companion itself is gone.
        """
        with self._lock:
            self._connections = [one for one in self._connections if not one.closed]
            if len(self._connections) >= most:
                return None
            ours, theirs = socket.socketpair()
            with theirs:
                try:
                    socket.send_fds(self._orders, [serve.encode()], [theirs.fileno()])
                except (BrokenPipeError, ConnectionResetError):
                    ours.close()
                    return None
            self._connections.append(Connection(ours.detach()))
            return self._connections[-1]


def companion() -> Companion | None:
    """Return the companion of the run that this process works on; None where there is none."""
    return _companion


def fork_companion() -> None:
    """Fork this process's companion. Only to be called while there is a single thread."""
    global _companion  # noqa: PLW0603 - one for each process, like the fork itself
    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    pid = os.fork()
    if pid == 0:
        ours.close()
        end_with(partial(_fork_for_the_run, theirs))
    theirs.close()
    _companion = Companion(ours, pid)


def _fork_for_the_run(orders: socket.socket) -> None:
    """Fork for every order, until the run is gone."""
    for number in _NOT_OURS:
        signal.signal(number, _ignore)
    signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # nobody asks how they ended
    while True:
        order, ends, _, _ = socket.recv_fds(orders, LONGEST_NAME, 1)
        if not order:
            return
        if os.fork() == 0:
            orders.close()
            end_with(partial(_serve, order.decode(), ends[0]))
        os.close(ends[0])


def _ignore(*_: object) -> None:
    """Do nothing; unlike `SIG_IGN`, programs that are started do not inherit it."""


def _serve(name: str, end: int) -> None:
    signal.signal(signal.SIGCHLD, signal.SIG_DFL)  # what it starts is waited for
    random.seed()  # else all draw the same jitter
    module, _, function = name.partition(":")
    getattr(import_module(module), function)(Connection(end))

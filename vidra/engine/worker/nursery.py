"""Forks the processes of flow runs: `python -m vidra.engine.worker.nursery`.

Everything a run needs is imported here once; a fork of that takes milliseconds, where a new
interpreter takes seconds. The worker writes orders on standard input and reads reports on standard
output, one JSON object a line:

    {"order": "start", "key": K, "task": {…}}       {"event": "ready"}
    {"order": "signal", "key": K, "signal": "…"}    {"event": "started", "key": K, "pid": P}
                                                    {"event": "ended", "key": K, "pid": P, "code": C}

Each child leads its own session and process group. Whatever is left of the group when the child has
ended is killed. When the worker is gone, all children are ended. There are no threads in this process: a
fork of a process with threads can inherit a held lock.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import random
import selectors
import signal
import sys
import threading
import time
from enum import StrEnum, unique
from functools import partial
from typing import Any, Final

from vidra.engine.lifecycle.importing import importing
from vidra.forks import end_with

GRACE: Final = 10.0
"""Seconds the children get to clean up when the worker is gone."""
WARMING: Final = ("vidra.media.warm", "vidra.engine.worker.warm")
"""Modules whose `warm_up` is called too, when all others are imported."""
PRELOADED: Final = (
    "vidra.engine.worker.child",
    "flows.backend_watchdog",
    "flows.connection_scoring",
    "flows.download_job",
    "flows.library_refresh",
    "flows.library_sync",
    "flows.playlist_expansion",
    "vidra.settings.loading",
    *WARMING,
)
"""What every run needs; a name that cannot be imported is left to the run that needs it."""


@unique
class Call(StrEnum):
    """What a child can be told, and the signal that tells it."""

    CANCEL = "cancel"
    END = "end"
    KILL = "kill"

    @property
    def number(self) -> signal.Signals:
        """The signal; see `vidra.engine.worker.child` for what the child makes of it."""
        return {Call.CANCEL: signal.SIGUSR1, Call.END: signal.SIGTERM, Call.KILL: signal.SIGKILL}[self]


class Nursery:
    """The children of this process, by key, and the conversation with the worker."""

    def __init__(self) -> None:
        self._out = os.dup(1)
        os.dup2(2, 1)  # what anything prints goes to the log, not into the conversation
        self._wake_read, self._wake_write = os.pipe()
        for end in (self._wake_read, self._wake_write):
            os.set_blocking(end, False)
        self._children: dict[str, int] = {}
        self._unread = b""

    def run(self) -> None:
        """Serve until standard input ends, then end all children."""
        signal.set_wakeup_fd(self._wake_write)
        signal.signal(signal.SIGCHLD, lambda *_: None)  # only to be woken
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # the worker decides
        self._report(event="ready")
        with selectors.DefaultSelector() as selector:
            selector.register(0, selectors.EVENT_READ)
            selector.register(self._wake_read, selectors.EVENT_READ)
            while self._step(selector, timeout=None):
                pass
            selector.unregister(0)
            self._end_all(selector)

    def _step(self, selector: selectors.BaseSelector, *, timeout: float | None) -> bool:
        """Handle what has come; False when the worker has gone."""
        there = True
        for ready, _ in selector.select(timeout):
            if ready.fd == self._wake_read:
                os.read(self._wake_read, 4096)
            else:
                there = self._read_orders()
        self._reap()
        return there

    def _read_orders(self) -> bool:
        chunk = os.read(0, 1 << 20)
        *lines, self._unread = (self._unread + chunk).split(b"\n")
        for line in lines:
            self._obey(json.loads(line))
        return bool(chunk)

    def _obey(self, order: dict[str, Any]) -> None:
        key = order["key"]
        if order["order"] == "start":
            self._start(key, order["task"])
        elif key in self._children:
            self._tell(self._children[key], Call(order["signal"]))

    def _start(self, key: str, task: dict[str, Any]) -> None:
        pid = os.fork()
        if pid == 0:
            end_with(partial(self._become_child, task))
        self._children[key] = pid
        self._report(event="started", key=key, pid=pid)

    def _become_child(self, task: dict[str, Any]) -> int:
        os.setsid()
        signal.set_wakeup_fd(-1)
        for end in (self._out, self._wake_read, self._wake_write):
            os.close(end)
        nowhere = os.open(os.devnull, os.O_RDONLY)
        os.dup2(nowhere, 0)
        os.close(nowhere)
        signal.signal(signal.SIGCHLD, signal.SIG_DFL)
        random.seed()  # else all children draw the same jitter
        from vidra.engine.worker.child import run_task  # noqa: PLC0415 - imported before the fork, by name

        return run_task(task)

    def _tell(self, pid: int, call: Call) -> None:
        try:
            if call is Call.KILL:
                os.killpg(pid, call.number)
            else:
                os.kill(pid, call.number)  # ours until we reap it, so the pid cannot be a stranger's
        except ProcessLookupError:
            return

    def _reap(self) -> None:
        for key, pid in list(self._children.items()):
            ended = os.waitid(os.P_PID, pid, os.WEXITED | os.WNOHANG | os.WNOWAIT)
            if ended is None:
                continue
            # While the child is not reaped, nobody else can get its number, nor its group's.
            self._tell(pid, Call.KILL)
            _, status = os.waitpid(pid, 0)
            del self._children[key]
            self._report(event="ended", key=key, pid=pid, code=os.waitstatus_to_exitcode(status))

    def _end_all(self, selector: selectors.BaseSelector) -> None:
        deadline = time.monotonic() + GRACE
        for pid in self._children.values():
            self._tell(pid, Call.END)
        while self._children and time.monotonic() < deadline:
            self._step(selector, timeout=0.2)
        for pid in self._children.values():
            self._tell(pid, Call.KILL)
        while self._children:
            self._step(selector, timeout=0.2)

    def _report(self, **facts: object) -> None:
        try:
            os.write(self._out, json.dumps(facts).encode() + b"\n")
        except BrokenPipeError:
            return  # the worker has gone; standard input says so too


def preload(names: tuple[str, ...] = PRELOADED) -> None:
    """Import what runs will need, and keep the garbage collector from touching (and so copying) it."""
    with importing():
        for name in names:
            try:
                module = importlib.import_module(name)
                if name in WARMING:
                    module.warm_up()
            except ImportError as error:
                sys.stderr.write(f"not preloaded: {name}: {error}\n")
        gc.collect()


def main() -> None:
    """Run the program."""
    preload(tuple(sys.argv[1:]) or PRELOADED)
    if threading.active_count() != 1:
        names = [thread.name for thread in threading.enumerate()]
        sys.stderr.write(f"threads before the first fork: {names}\n")
    Nursery().run()


if __name__ == "__main__":
    main()

"""Works something out in a fork of this process, so that nothing stays of what that needed."""

from __future__ import annotations

import os
import pickle
import threading
from collections.abc import Callable
from functools import partial
from typing import TypeVar

from vidra.forks import end_with

T = TypeVar("T")


def worked_out_aside(work: Callable[[], T]) -> T:
    """Return what `work` returns, which can be pickled; done in a fork where that is possible.

    That is where this process has a single thread. Should the fork fail, the work is done here.
    """
    if threading.active_count() != 1 or not hasattr(os, "fork"):
        return work()
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        end_with(partial(_send, work, writing))
    os.close(writing)
    with os.fdopen(reading, "rb") as answer:
        told = answer.read()
    _, status = os.waitpid(pid, 0)
    result: T = pickle.loads(told) if status == 0 else work()  # noqa: S301 - from our own fork
    return result


def _send(work: Callable[[], object], writing: int) -> None:
    with os.fdopen(writing, "wb") as answer:
        pickle.dump(work(), answer)

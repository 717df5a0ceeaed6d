"""Makes this process the new parent of orphans below it, and buries those who die."""

from __future__ import annotations

import ctypes
import os
import sys
from collections.abc import Collection
from typing import Final

from vidra.supervisor.identity import all_stats

_PR_SET_CHILD_SUBREAPER: Final = 36


def become_subreaper() -> bool:
    """Have orphaned descendants handed to this process; return False where the system cannot."""
    if sys.platform != "linux":
        return False
    return bool(ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_CHILD_SUBREAPER, 1) == 0)


class Undertaker:
    """Reaps orphans that were handed to us, without taking anybody's own child away.

    Whoever starts a child reaps it at once. A zombie that is still there at the second look, and that
    is not a back end of ours, is therefore an orphan nobody else waits for.
    """

    def __init__(self) -> None:
        self._seen: frozenset[tuple[int, int]] = frozenset()

    def look(self, *, ours: Collection[int]) -> int:
        """Reap what was a zombie at the last look already; return how many. Call it every half minute."""
        zombies = frozenset(
            (stat.pid, stat.started)
            for stat in all_stats()
            if stat.zombie and stat.parent == os.getpid() and stat.pid not in ours
        )
        reaped = 0
        for pid, _started in zombies & self._seen:
            try:
                reaped += os.waitpid(pid, os.WNOHANG)[0] == pid
            except ChildProcessError:
                continue  # somebody waited for it after all
        self._seen = zombies
        return reaped

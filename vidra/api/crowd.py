"""How many connections one address may hold, so that nobody alone uses up what there is."""

from __future__ import annotations

from collections import Counter
from typing import Final

from vidra.api.tokens import is_loopback

MOST_REMOTE: Final = 256
"""Connections of an address beyond this machine: a client has one for each job it watches."""
MOST_LOCAL: Final = 4096
"""Connections of this machine, where every program has the same address."""


class Crowd:
    """The connections there are, by address. One event loop."""

    def __init__(self, *, remote: int = MOST_REMOTE, local: int = MOST_LOCAL) -> None:
        self._remote, self._local = remote, local
        self._present: Counter[str] = Counter()

    def enter(self, address: str) -> bool:
        """Count one more; return False, counting none, if the address has as many as it may."""
        if self._present[address] >= (self._local if is_loopback(address) else self._remote):
            return False
        self._present[address] += 1
        return True

    def leave(self, address: str) -> None:
        """Count one less of those that entered."""
        self._present[address] -= 1
        if not self._present[address]:
            del self._present[address]

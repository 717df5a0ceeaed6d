"""Sends a file's bytes, at the pace and with the breaks that faults ask for."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from io import BufferedIOBase
from pathlib import Path
from typing import Final

from tests.site.faults import Fault, Faults
from tests.site.media import other_edition

_BLOCK: Final = 16384


class Broken(Exception):
    """The body is to end with a connection reset."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Edition:
    """The bytes behind a path at some moment, and their validators."""

    content: bytes
    etag: str | None
    modified: float
    """Unix time."""


def edition_of(target: Path, faults: Faults, bodies_before: int) -> Edition:
    """Return what the path stands for, given how many bodies of it went out before."""
    etag, modified = faults.get("etag"), target.stat().st_mtime
    swap, shrink = faults.get("swap"), faults.get("shrink")
    content = _read(target)
    if swap and bodies_before >= int(swap.value or 1):
        return Edition(content=other_edition(target.name, content), etag="swapped", modified=modified + 60)
    if shrink and bodies_before >= int(shrink.value or 1):
        return Edition(content=_read(target.with_name("vid000.mp4")), etag="shrunk", modified=modified + 60)
    return Edition(content=content, etag=etag.value if etag else None, modified=modified)


class Body:
    """One body on its way; `sent` and `closed_short` say how it went."""

    def __init__(self, content: bytes, faults: Faults) -> None:
        self._content, self._faults = content, faults
        self.length = len(content)
        self.chunked, self.unsaid = "nolen" in faults, "unsaid" in faults
        self.sent = 0
        self.closed_short = False

    def send(
        self, out: BufferedIOBase, hits: Callable[[Fault], bool], tell: Callable[[int], None] = lambda _: None
    ) -> None:
        """Send it all, or up to where a fault ends it; raise `Broken` for a reset.

        `tell` is called with the bytes sent so far as they go out.
        """
        cut, fin, stall = (self._hitting(name, hits) for name in ("cut", "fin", "stall"))
        end = min(int(fault.value) for fault in (cut, fin) if fault) if cut or fin else None
        rate, began = self._faults.seconds("rate"), time.monotonic()
        block = max(512, min(_BLOCK, int(rate / 8))) if rate else _BLOCK
        while self.sent < len(self._content):
            if end is not None and self.sent >= end:
                if cut:
                    out.flush()
                    raise Broken
                self.closed_short = True
                return
            if stall and self.sent >= stall.at:
                time.sleep(float(stall.value))
                stall = None
            stop = min(self.sent + block, len(self._content) if end is None else end)
            self._write(out, self._content[self.sent : stop])
            self.sent = stop
            tell(stop)
            if rate and (ahead := self.sent / rate - (time.monotonic() - began)) > 0:
                time.sleep(ahead)
        if self.chunked:
            out.write(b"0\r\n\r\n")

    def _hitting(self, name: str, hits: Callable[[Fault], bool]) -> Fault | None:
        fault = self._faults.get(name)
        return fault if fault and hits(fault) else None

    def _write(self, out: BufferedIOBase, data: bytes) -> None:
        out.write(b"%x\r\n%s\r\n" % (len(data), data) if self.chunked else data)


@lru_cache(maxsize=32)
def _read(path: Path) -> bytes:
    return path.read_bytes()

"""Faults that a path asks for: `/f/<spec>,<spec>…/<real path>` serves the real path with them.

s503x2       the first 2 requests answer 503 (any status; once if left out, `x*` for always)
ra3          add `Retry-After: 3` to those answers
cut9000x2    the first 2 bodies are broken off after 9000 bytes (TCP reset)
fin9000x2    the same, closed in good order while Content-Length promised more
stall5at9000x1   after 9000 bytes send nothing for 5 seconds, the first time
rate24576    send no faster than 24576 bytes a second
wait2        wait 2 seconds before the status line
norange      ignore Range and do not announce it
nolen        no Content-Length (chunks)
unsaid       neither length nor chunks: the end is the closing of the connection, so that with `fin`
             a file is cut short and nothing in HTTP says so
etagN        send an ETag "N"
swap1        after 1 body, serve another edition of the file: same size, other bytes, other validators
shrink1      after 1 body, serve a much shorter file instead
html200x1    the first request answers 200 with an HTML page (a login wall)
botx1        the first request answers 403 with a page that wants to see a human
cookieWORD   answers 403 with a sign-in page unless a cookie `session=WORD` is shown
named        `Content-Disposition: attachment` with the file's name
tagWORD      no effect; makes the path, and so its counters, a test's own
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

_SPEC: Final = re.compile(
    r"(?P<name>s(?=\d{3})|ra(?=\d)|cut|fin|rate|stall|norange|nolen|unsaid|etag|wait|html|swap|shrink|named|bot|cookie|tag)"
    r"(?P<value>[\w.-]*?)(?:at(?P<at>\d+))?(?:x(?P<times>\d+|\*))?"
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Fault:
    """One fault of a path."""

    name: str
    value: str
    at: int
    """Byte position, for `stall`."""
    times: int | None
    """How many requests it hits; None for all."""


@dataclass(frozen=True, slots=True)
class Faults:
    """All faults of a path, asked for by name."""

    all: Sequence[Fault] = ()

    def get(self, name: str) -> Fault | None:
        """Return the fault of that name, if the path has it."""
        return next((fault for fault in self.all if fault.name == name), None)

    def __contains__(self, name: object) -> bool:
        return any(fault.name == name for fault in self.all)

    def seconds(self, name: str) -> float:
        """Return a fault's value as a number; 0 without it."""
        fault = self.get(name)
        return float(fault.value) if fault else 0.0


def parse_faults(text: str) -> Faults:
    """Parse `spec,spec…`; raise `ValueError` naming the spec that is none."""
    faults = []
    for spec in text.split(","):
        match = _SPEC.fullmatch(spec)
        if match is None:
            raise ValueError(spec)
        times = match["times"]
        faults.append(
            Fault(
                name=match["name"],
                value=match["value"],
                at=int(match["at"] or 0),
                times=1 if times is None else None if times == "*" else int(times),
            )
        )
    return Faults(faults)

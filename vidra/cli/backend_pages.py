"""What `vidra backend` shows: rows for a list, a page for one, a report when something is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from vidra.engine.backends.view import BackendView, NoticeView

HEADER: Final = ("NAME", "STATE", "PID", "URL", "CRASHES", "REASON")
_SCAN_LINES: Final = 5
"""Lines of evidence shown at once; `-v` shows all."""


def row(view: BackendView) -> list[str]:
    """Return the row of a back end."""
    return [
        view.name,
        f"{view.state.value}{' (flapping)' if view.flapping else ''}",
        "" if view.pid is None else str(view.pid),
        view.url or "",
        str(view.crashes),
        view.reason,
    ]


def page(view: BackendView) -> Iterator[str]:
    """Yield the lines about one back end."""
    facts = {
        "name": view.name,
        "state": f"{view.state.value} - {view.text}",
        "reason": view.reason,
        "since": view.since,
        "kind": "started by Vidra" if view.owned else "watched only",
        "pid": view.pid,
        "url": view.url,
        "answers in": None if view.latency is None else f"{view.latency * 1000:.0f} ms",
        "crashes": f"{view.crashes} counted, {view.restarts} restarts",
        "last exit": view.last_exit,
        "log": view.log_file,
    }
    yield from (f"{name:<12}{value}" for name, value in facts.items() if value is not None)


def report(notice: NoticeView, *, every_line: bool, debug: bool) -> Iterator[str]:
    """Yield what went wrong with its evidence; stack traces only for people who debug."""
    yield notice.message
    shown: Sequence[str] = notice.evidence if every_line else notice.evidence[-_SCAN_LINES:]
    if len(shown) < len(notice.evidence):
        yield f"  | ... {len(notice.evidence) - len(shown)} lines before these; -v shows all"
    yield from (f"  | {line}" for line in shown)
    if debug:
        yield from (f"  | {line}" for line in notice.trace)
    if notice.remedies:
        yield "What can be done: " + ", ".join(remedy.value for remedy in notice.remedies)

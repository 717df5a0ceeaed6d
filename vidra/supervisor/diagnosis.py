"""The words for what went wrong and what can be done; quoted texts are the specification's."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, assert_never

from vidra.supervisor.interface import BackendState, NoticeKind, Remedy

_IMPORT_FAILED: Final = re.compile(r"^(?:ModuleNotFoundError|ImportError): ")
_TRACE_BEGINS: Final = "Traceback (most recent call last):"

_REMEDIES: Final = {
    "NoFreePort": (Remedy.QUIT_OTHERS, Remedy.RETRY),
    "ExecutableMissing": (Remedy.DOWNLOAD_INSTALLER,),
}


def text_of(state: BackendState) -> str:
    """Return what a client shows for a state."""
    match state:
        case BackendState.STARTING:
            return "Starting backend..."
        case BackendState.HEALTHY:
            return "Ready"
        case BackendState.UNHEALTHY | BackendState.RESTARTING:
            return "Reconnecting..."
        case BackendState.STOPPING:
            return "Stopping..."
        case BackendState.STOPPED:
            return "Stopped"
        case BackendState.FAILED:
            return "Failed"
        case BackendState.FOREIGN:
            return "Another program uses the port"
        case _:
            assert_never(state)


def remedies_for(kind: NoticeKind, cause: str | None) -> tuple[Remedy, ...]:
    """Return what to offer; `cause` is the class name of the error behind a given-up start."""
    match kind:
        case NoticeKind.SLOW_START:
            return (Remedy.KEEP_WAITING, Remedy.VIEW_LOGS, Remedy.RESTART)
        case NoticeKind.GAVE_UP:
            return (*_REMEDIES.get(cause or "", (Remedy.RESTART,)), Remedy.VIEW_FULL_LOGS)
        case NoticeKind.CRASHED | NoticeKind.LEFTOVERS:
            return (Remedy.VIEW_FULL_LOGS,)
        case (
            NoticeKind.RESTARTED
            | NoticeKind.FLAPPING
            | NoticeKind.STEADY_AGAIN
            | NoticeKind.NOT_SAVED
            | NoticeKind.MOVED
        ):
            return ()
        case _:
            assert_never(kind)


def missing_dependency(tail: Sequence[str]) -> str | None:
    """Return why another start is useless, if a Python program ended for want of a module."""
    for line in reversed(tail):
        if _IMPORT_FAILED.match(line):
            return f"a dependency is missing: {line}"
        if line and not line.startswith((" ", "\t")):
            return None
    return None


def split_trace(tail: Sequence[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the lines without stack traces, and the stack traces."""
    plain: list[str] = []
    trace: list[str] = []
    inside = False
    for line in tail:
        if line == _TRACE_BEGINS:
            inside = True
        elif inside and not line.startswith((" ", "\t")):
            inside = False
            plain.append(line)  # the error itself belongs to both
            trace.append(line)
            continue
        (trace if inside else plain).append(line)
    return tuple(plain), tuple(trace)

"""A back end as clients see it: the one shape of command line, API, `health.json` and control path."""

from __future__ import annotations

from collections.abc import Sequence

from pydantic import BaseModel, ConfigDict, Field

from vidra.clock import iso
from vidra.supervisor.diagnosis import text_of
from vidra.supervisor.happenings import Probe
from vidra.supervisor.interface import (
    BackendEvent,
    BackendState,
    BackendStatus,
    Notice,
    NoticeKind,
    Remedy,
    StatusChange,
)


class NoticeView(BaseModel):
    """What went wrong, with its evidence, and what can be done about it."""

    model_config = ConfigDict(frozen=True)

    kind: NoticeKind
    message: str
    at: str
    remedies: list[Remedy] = Field(default_factory=list, description="What can be done.")
    evidence: list[str] = Field(default_factory=list, description="Scan results, listing, end of the log.")
    trace: list[str] = Field(default_factory=list, description="A stack trace, for people who debug.")


class BackendView(BaseModel):
    """How one back end stands."""

    model_config = ConfigDict(frozen=True)

    name: str
    state: BackendState
    text: str = Field(description="What a client shows: `Ready`, `Reconnecting...` and so on.")
    reason: str
    since: str
    owned: bool = Field(description="Whether Vidra starts and stops it; false for watched services.")
    part: bool = Field(default=False, description="Whether it is a part of Vidra itself.")
    pid: int | None = None
    url: str | None = Field(default=None, description="Where it answers, for HTTP and (ws://) WebSocket.")
    port: int | None = None
    crashes: int = 0
    restarts: int = 0
    flapping: bool = False
    latency: float | None = Field(default=None, description="Seconds the latest good answer took.")
    last_exit: str | None = None
    exit_code: int | None = None
    log_file: str | None = None
    notice: NoticeView | None = Field(default=None, description="What is wrong now, if something is.")


class ProbeView(BaseModel):
    """One answer of a back end; None for one that was not asked."""

    model_config = ConfigDict(frozen=True)

    backend: BackendView
    answer: str | None = None
    detail: str = ""
    latency: float | None = None


def view_of(status: BackendStatus, history: Sequence[BackendEvent], *, part: bool) -> BackendView:
    """Return the view; `history` is the back end's own, oldest first."""
    return BackendView(
        name=status.name,
        state=status.state,
        text=text_of(status.state),
        reason=status.reason,
        since=iso(status.since),
        owned=status.owned,
        part=part,
        pid=status.pid,
        url=status.url,
        port=status.port,
        crashes=status.crashes,
        restarts=status.restarts,
        flapping=status.flapping,
        latency=status.latency,
        last_exit=None if status.last_exit is None else str(status.last_exit),
        exit_code=None if status.last_exit is None else status.last_exit.code,
        log_file=None if status.log_file is None else str(status.log_file),
        notice=_trouble(status.state, history),
    )


def probe_view(view: BackendView, probe: Probe | None) -> ProbeView:
    """Return what a probe of that back end said."""
    if probe is None:
        return ProbeView(backend=view, detail="not asked")
    return ProbeView(backend=view, answer=probe.answer.value, detail=probe.detail, latency=probe.latency)


def notice_view(notice: Notice) -> NoticeView:
    """Return the notice as clients see it."""
    return NoticeView(
        kind=notice.kind,
        message=notice.message,
        at=iso(notice.at),
        remedies=list(notice.remedies),
        evidence=list(notice.evidence),
        trace=list(notice.trace),
    )


def _trouble(state: BackendState, history: Sequence[BackendEvent]) -> NoticeView | None:
    """Return the latest notice since the back end was last well or told to start."""
    if state in {BackendState.HEALTHY, BackendState.STOPPED}:
        return None
    for event in reversed(history):
        if isinstance(event, Notice):
            return notice_view(event)
        if event.new is BackendState.HEALTHY or _begun_by_operator(event):
            return None
    return None


def _begun_by_operator(event: StatusChange) -> bool:
    return event.new is BackendState.STARTING and "operator" in event.reason
